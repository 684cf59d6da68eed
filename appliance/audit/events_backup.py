"""Events of backups: made, checked, rehearsed, forgotten, and a box that came out of one."""

from typing import Literal

from appliance.audit.event import Detail, Event
from appliance.audit.events import BOX


def backup_target(
    action: Literal["add", "remove"], actor: str, *, target: str, kind: str, pin: str
) -> Event:
    """A place for backups was named or forgotten; its disk id or host key."""
    details: dict[str, Detail] = {"kind": kind, "pin": pin}
    return Event(f"backup:target:{action}", actor, target, None, details)


def snapshot_create(
    actor: str, *, target: str, repository: str, snapshot: int, tree_size: int, digest: str
) -> Event:
    """A snapshot exists; the digest is that of the list that names it."""
    details: dict[str, Detail] = {
        "digest": digest,
        "repository": repository,
        "snapshot": snapshot,
        "tree_size": tree_size,
    }
    return Event("backup:snapshot:create", actor, target, None, details)


def snapshot_fail(actor: str, *, target: str, what: str, code: str) -> Event:
    """A backup, its check or a drill came to nothing."""
    return Event("backup:snapshot:fail", actor, target, None, {"code": code, "what": what})


def snapshot_forget(actor: str, *, target: str, snapshots: list[int], freed: int) -> Event:
    """Old snapshots were forgotten."""
    details: dict[str, Detail] = {"freed": freed, "snapshots": list(snapshots)}
    return Event("backup:snapshot:forget", actor, target, None, details)


def copy_verify(actor: str, *, target: str, ok: bool, damaged: int, objects: int) -> Event:
    """Every object of a backup was read and held against its name."""
    details: dict[str, Detail] = {"damaged": damaged, "objects": objects, "ok": ok}
    return Event("backup:copy:verify", actor, target, None, details)


def copy_drill(actor: str, *, target: str, snapshot: int, tree_size: int, model: str) -> Event:
    """A restore was rehearsed whole: the log verified and a model answered."""
    details: dict[str, Detail] = {"model": model, "snapshot": snapshot, "tree_size": tree_size}
    return Event("backup:copy:drill", actor, target, None, details)


def box_restore(
    *, repository: str, snapshot: int, tree_size: int, known: int, erased: int
) -> Event:
    """This box came out of a backup whose log had this size; `known` is the latest size known of.

    `erased` counts patients and datasets that were erased after the snapshot, and are so again.
    """
    details: dict[str, Detail] = {
        "erased": erased,
        "known": known,
        "repository": repository,
        "snapshot": snapshot,
        "tree_size": tree_size,
    }
    return Event("backup:box:restore", BOX, None, None, details)
