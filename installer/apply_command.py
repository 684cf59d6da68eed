"""`wardbox apply-update`: changes the software of a box as it was asked; the only privileged part."""

import argparse
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.audit.opening import boot_id
from appliance.services.version import VERSION
from appliance.settings.layout import StateLayout, state_directory
from appliance.updates.trial import LOCK, place_of
from installer.apply import Applier, WaitsForPerson
from installer.apply_box import LAUNCHER, RunningBox
from installer.apply_box import Site as BoxSite
from installer.apply_errors import ApplierBusy
from installer.apply_fitting import Environments, cache_of
from installer.apply_journal import ApplyJournal, Record
from installer.apply_parts import Pace, Parts
from installer.apply_request import Desk
from installer.apply_source import StagedBundles, pin_as_the_box, trust_of
from installer.conversation import Conversation
from installer.durable import make_folder, read_file
from installer.errors import AnswersInvalid
from installer.host import Machine, environment, replace_process
from installer.installation import say
from installer.slots import Slots

WAITING: Final = 3
"""Exit status when a person has to unlock the vault first."""
AGAIN: Final = 4
"""Exit status when the disk refused a step; what was begun goes on at the next run."""
_DEADLINE_S: Final = 600.0
_MAX_ROOT: Final = 512_000


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `apply-update` to the command line."""
    parser = commands.add_parser(
        "apply-update",
        help="应用已暂存的软件版本 apply the release that waits, or go on with one",
    )
    parser.add_argument("--state", type=Path, help="状态目录 state directory ($WARDBOX_STATE)")
    parser.add_argument(
        "--place",
        type=Path,
        help="版本目录,默认 STATE/software where releases lie ($WARDBOX_PLACE)",
    )
    parser.add_argument(
        "--once", action="store_true", help="不等人解锁 leave rather than wait for an unlock"
    )
    parser.add_argument(
        "--give-up",
        action="store_true",
        help="放弃进行中的更新,退回原版本 end the change under way, back to the release before",
    )
    parser.add_argument(
        "--deadline",
        type=float,
        default=_DEADLINE_S,
        metavar="SECONDS",
        help="健康检查期限 time in which the release must become healthy",
    )
    parser.add_argument(
        "--interpreted", action="store_true", help="不编译主路径 do not compile the hot path"
    )
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="ROOT.json",
        help="信任此根后退出 trust this root of a vendor, and leave",
    )


def run(args: argparse.Namespace, checkout: Path) -> int:
    """Carry out what is asked for.

    Returns:
        0 applied or nothing to do, 1 refused or taken back, 3 the vault is locked (with --once), 4 to be
        run again.

    Raises:
        InstallerError: another process does it, or the request is none.
    """
    environ = environment()
    state = args.state.expanduser().absolute() if args.state else state_directory(environ)
    layout = StateLayout(state)
    place = args.place.expanduser().absolute() if args.place else place_of(layout, environ)
    slots = Slots(place)
    with _alone(place):
        slots.adopt(checkout)
        if args.trust is not None:
            return _pin(place, args.trust)
    _begin_as_blessed(slots, checkout)
    with _alone(place):
        pin_as_the_box(place, layout.updates_root, _now())
        try:
            record = Applier(*_parts(args, layout, slots)).run()
        except OSError as error:
            say(f"磁盘出错,请再运行一次。 The disk refused, run it again: {error}")
            return AGAIN
        except WaitsForPerson as waits:
            say(f"请先解锁保险库,再运行一次。 Unlock the vault, then run it again. ({waits})")
            return WAITING
    return _told(record)


def _parts(args: argparse.Namespace, layout: StateLayout, slots: Slots) -> tuple[Parts, Pace]:
    host = Machine(slots.place / "apply.log", say)
    desk = Desk(layout.updates)
    conversation = Conversation(layout.socket)
    site = BoxSite(layout, slots.place, conversation.health, host)
    running = slots.current or slots.place
    parts = Parts(
        slots=slots,
        journal=ApplyJournal(slots.place, _now),
        desk=desk,
        source=StagedBundles(desk, slots, _now),
        fitting=Environments(
            layout.root,
            cache_of(running, slots.place),
            host,
            compile_hot=not args.interpreted,
        ),
        box=RunningBox(site),
    )
    pace = Pace(
        deadline_s=args.deadline,
        once=args.once,
        give_up=args.give_up,
        monotonic=time.monotonic,
        pause=time.sleep,
        boot=boot_id,
        version=VERSION,
        free=lambda folder: shutil.disk_usage(folder).free,
        say=say,
    )
    return parts, pace


def _pin(place: Path, root: Path) -> int:
    """Trust a vendor's root, as the administrator of this machine."""
    raw = read_file(root.absolute(), _MAX_ROOT)
    if raw is None:
        raise AnswersInvalid(path=root, reason="没有此文件 there is no such file")
    make_folder(place / "trust")
    pinned = trust_of(place).pin(raw, _now())
    say(f"版本 version {pinned.version} · 指纹 fingerprint {pinned.fingerprint}")
    say("请与供应商电话核对指纹。 Compare the fingerprint with the vendor over the telephone.")
    return 0


def _begin_as_blessed(slots: Slots, checkout: Path) -> None:
    """Whichever release is asked, the one that was last found healthy decides about the next."""
    blessed = slots.blessed
    if blessed is not None and blessed != checkout and (blessed / LAUNCHER).exists():
        replace_process([str(blessed / LAUNCHER), *sys.argv[1:]])


def _told(record: Record | None) -> int:
    if record is None:
        say("没有待应用的更新。 No release waits to be applied.")
        return 0
    if record.state == "blessed":
        say(f"✓ {record.version} 已启用 is in use")
        return 0
    say(f"✗ {record.version} {record.state}: {record.reason.zh} {record.reason.en}")
    say(f"[{record.reason.code}]")
    return 1


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock of the releases; the kernel frees it if we die, and the box goes on by itself."""
    make_folder(place)
    lock = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ApplierBusy(place=place) from None
    finally:
        os.close(lock)


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
