"""`wardbox trial`: what the supervisor runs, key in hand, while the software of the box is changed."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appliance.errors import ApplianceError, VaultLocked
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.updates.log_proof import ScratchLog
    from appliance.vault.opened import Opened

_LONGEST: Final = 400
LOCKED: Final = 3
"""Exit status when the key of the vault is not at hand."""
REPORT: Final = "trial.json"
_REHEARSAL: Final = ".rehearsal"
_HOUSE: Final = Path(__file__).resolve().parents[2]
_ID: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Bench:
    """What a release is tried on.

    Attributes:
        layout: The state of the box, which stands still.
        place: Where its releases and their journal lie.
        trial: The id of the trial.
    """

    layout: StateLayout
    place: Path
    trial: str


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `trial` to the command line."""
    parser = commands.add_parser(
        "trial", help="软件更新时由守护进程运行 run by the supervisor during a change of software"
    )
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, told in (
        ("snapshot", "复制数据库 copy the database of the box that stands still"),
        ("rehearse", "在副本上演练迁移 try the migrations of this release on that copy"),
        ("reread", "读写演练用日志 read and write the log that the rehearsal left"),
    ):
        one = what.add_parser(name, help=told)
        one.add_argument("--id", required=True, type=_trial, metavar="TRIAL")


def run(args: argparse.Namespace) -> int:
    """Do what was asked, and leave a report in the box's run directory.

    Returns:
        0 done, 1 refused, 3 the vault is locked.
    """
    from appliance.settings.reading import load  # noqa: PLC0415  # keeps --help light
    from appliance.updates.trial import place_of  # noqa: PLC0415
    from appliance.vault.assembly import build_vault  # noqa: PLC0415
    from secure_compute.guard import guard  # noqa: PLC0415

    guard()
    layout = StateLayout(state_directory(args.environ))
    work = {"snapshot": snapshot, "rehearse": rehearse, "reread": reread}[args.what]
    bench = Bench(layout, place_of(layout, args.environ), args.id)
    try:
        settings = load(layout.root, args.environ)
        vault = build_vault(layout, settings, args.environ, _now)
        try:
            opened = vault.resume()
            if opened is None:
                raise VaultLocked
            told = work(bench, opened)
        finally:
            vault.close()
    except ApplianceError as error:
        print(f"{error.sentence}\n{error.way_out}", file=sys.stderr)
        _report(
            layout, args, {"code": error.code, "zh": error.sentence_zh, "en": error.sentence_en}
        )
        return LOCKED if isinstance(error, VaultLocked) else 1
    _report(layout, args, told)
    return 0


def snapshot(bench: "Bench", opened: "Opened") -> dict[str, Any]:
    """Copy the database at the last moment of this release.

    Raises:
        DbError: it cannot be copied; no copy is left.
    """
    from appliance.db.copying import copy_closed  # noqa: PLC0415  # keeps --help light
    from appliance.updates.trial import snapshot_of  # noqa: PLC0415

    layout = bench.layout
    copy_closed(layout.box_db, opened.key("box.db"), snapshot_of(layout, bench.trial))
    return {}


def rehearse(bench: "Bench", opened: "Opened") -> dict[str, Any]:
    """Load this release whole, migrate a copy of the snapshot, and prove what it does to the log.

    The box's own files stay as they are. Where the log would become wider, a log for rehearsals is
    left, which the release before has to go on with (`reread`).

    Returns:
        Its version, and the migrations that it brings; those of the log last, and by themselves.

    Raises:
        DbError: the copy does not come through, or the log has no room for what would come.
        RecordFormChanges: the release before could not go on with the audit log or its bodies.
    """
    # What `serve` loads must load: a release that lacks a library is found out here.
    from appliance.api import front  # noqa: F401, PLC0415
    from appliance.app import create_app  # noqa: F401, PLC0415
    from appliance.services.version import VERSION  # noqa: PLC0415

    log = _prove_log(bench, opened)
    coming = _migrate_copy(bench, opened.key("box.db"))
    return {"version": VERSION, "migrations": [*coming, *log], "log": list(log)}


def reread(bench: "Bench", opened: "Opened") -> dict[str, Any]:
    """Go on with the log that the rehearsal left, as this release does with the real one.

    The release before does so first, the one that comes once more, and clears it away.

    Returns:
        What the rehearsal told, and how many events the log held.

    Raises:
        RecordFormChanges: something that was acknowledged in it is not there for this release.
    """
    from appliance.updates.log_proof import FEW, ScratchLog  # noqa: PLC0415  # keeps --help light
    from appliance.updates.trial import on_trial  # noqa: PLC0415

    del opened  # whoever cannot open the vault does not come here
    scratch = ScratchLog(bench.layout, bench.trial, _now)
    told = _told(bench)
    if not scratch.exists():
        return told
    with _undone(scratch):
        count = scratch.go_on(FEW)
    if on_trial(bench.place, _HOUSE):
        scratch.remove()
    return {**told, "events": count}


def _told(bench: "Bench") -> dict[str, Any]:
    """What the program before this one told of the same trial."""
    try:
        data = json.loads((bench.layout.run / REPORT).read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict) or data.get("trial") != bench.trial:
        return {}
    return {name: value for name, value in data.items() if name not in {"trial", "word"}}


def _prove_log(bench: "Bench", opened: "Opened") -> tuple[str, ...]:
    from appliance.updates.log_forms import (  # noqa: PLC0415  # keeps --help light
        OWN,
        PLACE,
        forms_at,
        require_bearable,
    )
    from appliance.updates.log_proof import MANY, ScratchLog, prove_real  # noqa: PLC0415
    from appliance.updates.trial import read_trial  # noqa: PLC0415

    found = read_trial(bench.place)
    before = None if found is None else forms_at(found.old / PLACE)
    scratch = ScratchLog(bench.layout, bench.trial, _now)
    with _undone(scratch):
        coming = prove_real(bench.layout, opened.key, before)
        own = forms_at(OWN)
        # A database that is not there yet will be made in the new form, too.
        told = () if before is None or own is None else require_bearable(before, own)
        if coming or told:
            scratch.begin()
            scratch.go_on(MANY)
    return coming


@contextmanager
def _undone(scratch: "ScratchLog") -> Iterator[None]:
    """Leave nothing of the log for rehearsals when it shows that a release cannot go on with it."""
    from appliance.audit.errors import AuditTampered  # noqa: PLC0415  # keeps --help light
    from appliance.commands.errors import RecordFormChanges  # noqa: PLC0415
    from appliance.db.errors import DbMigrationUnknown  # noqa: PLC0415
    from appliance.db.widening import NotWidening  # noqa: PLC0415

    try:
        yield
    except BaseException as error:
        scratch.remove()
        if isinstance(error, NotWidening | DbMigrationUnknown | AuditTampered):
            raise RecordFormChanges(steps=str(error)[:_LONGEST]) from error
        raise


def _migrate_copy(bench: "Bench", key: bytes) -> tuple[str, ...]:
    from appliance.db.copying import copy_file, outstanding  # noqa: PLC0415  # keeps --help light
    from appliance.db.database import Db  # noqa: PLC0415
    from appliance.services.ground import MIGRATIONS  # noqa: PLC0415
    from appliance.updates.trial import snapshot_of  # noqa: PLC0415

    source = snapshot_of(bench.layout, bench.trial)
    copy = source.with_name(source.name + _REHEARSAL)
    try:
        copy_file(source, copy)
        coming, _ = outstanding(copy, key, MIGRATIONS)
        Db(copy, key, MIGRATIONS, _now).close()
    except OSError as error:
        from appliance.db.errors import DbError  # noqa: PLC0415

        raise DbError(path=copy, reason=error.strerror or str(error)) from error
    finally:
        for ending in ("", "-wal", "-shm"):
            copy.with_name(copy.name + ending).unlink(missing_ok=True)
    return coming


def _report(layout: StateLayout, args: argparse.Namespace, told: Mapping[str, Any]) -> None:
    from appliance.vault.keyfile import write_private  # noqa: PLC0415  # keeps --help light

    content = {"trial": args.id, "word": args.what, **told}
    write_private(layout.run / REPORT, json.dumps(content, ensure_ascii=False).encode())


def _trial(text: str) -> str:
    if not _ID.fullmatch(text):
        message = "16 个十六进制数字 16 hexadecimal digits"
        raise argparse.ArgumentTypeError(message)
    return text


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the process's one clock
