"""`wardbox trial`: what the supervisor runs, key in hand, while the software of the box is changed."""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from appliance.errors import ApplianceError, VaultLocked
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.vault.opened import Opened

LOCKED: Final = 3
"""Exit status when the key of the vault is not at hand."""
REPORT: Final = "trial.json"
_REHEARSAL: Final = ".rehearsal"
_ID: Final = re.compile(r"[0-9a-f]{16}")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `trial` to the command line."""
    parser = commands.add_parser(
        "trial", help="软件更新时由守护进程运行 run by the supervisor during a change of software"
    )
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, told in (
        ("snapshot", "复制数据库 copy the database of the box that stands still"),
        ("rehearse", "在副本上演练迁移 try the migrations of this release on that copy"),
    ):
        one = what.add_parser(name, help=told)
        one.add_argument("--id", required=True, type=_trial, metavar="TRIAL")


def run(args: argparse.Namespace) -> int:
    """Do what was asked, and leave a report in the box's run directory.

    Returns:
        0 done, 1 refused, 3 the vault is locked.
    """
    from appliance.settings.reading import load  # noqa: PLC0415  # keeps --help light
    from appliance.vault.assembly import build_vault  # noqa: PLC0415
    from secure_compute.guard import guard  # noqa: PLC0415

    guard()
    layout = StateLayout(state_directory(args.environ))
    work = snapshot if args.what == "snapshot" else rehearse
    try:
        settings = load(layout.root, args.environ)
        vault = build_vault(layout, settings, args.environ, _now)
        try:
            opened = vault.resume()
            if opened is None:
                raise VaultLocked
            told = work(layout, opened, args.id)
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


def snapshot(layout: StateLayout, opened: "Opened", trial: str) -> dict[str, Any]:
    """Copy the database at the last moment of this release.

    Raises:
        DbError: it cannot be copied; no copy is left.
    """
    from appliance.db.copying import copy_closed  # noqa: PLC0415  # keeps --help light
    from appliance.updates.trial import snapshot_of  # noqa: PLC0415

    copy_closed(layout.box_db, opened.key("box.db"), snapshot_of(layout, trial))
    return {}


def rehearse(layout: StateLayout, opened: "Opened", trial: str) -> dict[str, Any]:
    """Load this release whole, and migrate a copy of the snapshot; the box's own files stay as they are.

    Returns:
        Its version, and the migrations that it brings.

    Raises:
        DbError: the copy does not come through.
        RecordFormChanges: the audit log or its bodies would get another form.
    """
    # What `serve` loads must load: a release that lacks a library is found out here.
    from appliance.api import front  # noqa: F401, PLC0415
    from appliance.app import create_app  # noqa: F401, PLC0415
    from appliance.db.copying import copy_file, outstanding  # noqa: PLC0415
    from appliance.db.database import Db  # noqa: PLC0415
    from appliance.services.ground import MIGRATIONS  # noqa: PLC0415
    from appliance.services.version import VERSION  # noqa: PLC0415
    from appliance.updates.trial import snapshot_of  # noqa: PLC0415

    _require_same_record(layout, opened)
    key = opened.key("box.db")
    source = snapshot_of(layout, trial)
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
    return {"version": VERSION, "migrations": list(coming)}


def _require_same_record(layout: StateLayout, opened: "Opened") -> None:
    from appliance.audit.schema import MIGRATIONS as AUDIT  # noqa: PLC0415  # keeps --help light
    from appliance.bodies.store import MIGRATIONS as BODIES  # noqa: PLC0415
    from appliance.commands.errors import RecordFormChanges  # noqa: PLC0415
    from appliance.db.copying import outstanding  # noqa: PLC0415

    for path, use, migrations in (
        (layout.audit_db, "audit.db", AUDIT),
        (layout.bodies_db, "bodies.db", BODIES),
    ):
        if path.exists():
            coming, unknown = outstanding(path, opened.key(use), migrations)
            if coming or unknown:
                raise RecordFormChanges(steps=", ".join((*coming, *unknown)))


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
