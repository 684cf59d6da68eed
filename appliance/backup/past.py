"""What is known of the time after a snapshot: how long the log had become, and what was erased."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from appliance.backup.destroyed import Destroyed, sorted_out
from appliance.backup.errors import BackupDamaged, RestoreRefused
from appliance.backup.index import Index
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Entry, Snapshot
from appliance.backup.source import FORGOTTEN
from secure_compute.errors import SecureComputeError
from secure_compute.note import NoteKey, verify_checkpoint

VKEY: Final = "trust/box.vkey"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a person kept of the box elsewhere.

    Args:
        checkpoint: a signed checkpoint of its log; None when there is none.
        destroyed: certificates of destruction, and lists of what was destroyed.
    """

    checkpoint: bytes | None = None
    destroyed: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the time after a snapshot.

    Args:
        log: the latest size of the log.
        destroyed: what was erased.
        until: time of the latest snapshot that tells of it, Unix seconds.
    """

    log: int
    destroyed: Destroyed
    until: int


def past_of(
    repository: Repository, snapshot: Snapshot, held: tuple[Index, list[Entry]], kept: Kept
) -> Past:
    """Gather it: later snapshots of the same backup tell, and what a person kept.

    Args:
        repository: the backup.
        snapshot: what shall be restored.
        held: index of the backup, and entries of the snapshot.
        kept: by a person.

    Raises:
        RestoreRefused: the checkpoint that was given is not this box's.
        DestroyedUnreadable, BoxDestroyed: what a file says of what was destroyed.
    """
    index, entries = held
    key = _vkey(repository, index, entries)
    told = sorted_out(kept.destroyed, key, repository.target.place)
    later, until = _latest_list(repository, snapshot, index)
    destroyed = replace(told, lists=(*told.lists, later))
    return Past(_latest_log(repository, snapshot, key, kept.checkpoint), destroyed, until)


def _latest_log(
    repository: Repository, snapshot: Snapshot, key: NoteKey, checkpoint: bytes | None
) -> int:
    """The largest size of the log that anything here tells of."""
    sizes = [one.tree_size for one in repository.list.snapshots]
    if checkpoint is not None:
        try:
            sizes.append(verify_checkpoint(checkpoint, key).size)
        except SecureComputeError as error:
            raise RestoreRefused(
                place=repository.target.place,
                reason_zh="给出的检查点不是这台设备的",
                reason_en="the checkpoint that was given is not this box's",
            ) from error
    return max(sizes, default=snapshot.tree_size)


def _latest_list(repository: Repository, snapshot: Snapshot, index: Index) -> tuple[bytes, int]:
    """The list of the latest snapshot that can be read; lists only ever grow."""
    for one in reversed(repository.list.snapshots):
        if one.number <= snapshot.number:
            break
        try:
            content = _content(repository, index, repository.manifest(one, index), FORGOTTEN)
        except BackupDamaged:
            continue
        return content or b"", one.time
    return b"", snapshot.time


def _content(
    repository: Repository, index: Index, entries: Iterable[Entry], path: str
) -> bytes | None:
    for entry in entries:
        if entry.path == path:
            return b"".join(repository.chunk(one, index.find(one)) for one in entry.ids())
    return None


def _vkey(repository: Repository, index: Index, entries: list[Entry]) -> NoteKey:
    text = _content(repository, index, entries, VKEY)
    if text is None:
        raise RestoreRefused(
            place=repository.target.place,
            reason_zh="快照中没有审计公钥",
            reason_en="the snapshot holds no audit key",
        )
    return NoteKey.parse(text.decode("ascii"))
