"""The room put together: files, batches and kept responses on one database."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.batches.files import Audit, FileLimits, FileService
from appliance.batches.gateway import Keys
from appliance.batches.kept import KeptResponses
from appliance.batches.locker import Locker
from appliance.batches.service import BatchService, Jobs
from appliance.batches.store import BatchStore
from appliance.batches.work import BatchWork, Ground
from appliance.db.database import Db
from appliance.vault.dataset_keys import DatasetKeys


@dataclass(frozen=True, slots=True)
class Desk:
    """What the room consists of; `batches` needs the jobs room, which needs `work` first."""

    files: FileService
    responses: KeptResponses
    work: BatchWork
    store: BatchStore
    audit: Audit
    clock: Callable[[], float]

    def batches(self, jobs: Jobs) -> BatchService:
        """The batches, once there are jobs to run them."""
        return BatchService(self.store, self.files, self.work, jobs, self.audit, self.clock)

    def sweep(self) -> None:
        """Delete what has expired."""
        self.files.sweep()
        self.responses.sweep()


@dataclass(frozen=True, slots=True)
class DeskRules:
    """Where files lie, how large they may be, and how many lines of a batch are asked at once."""

    root: Path
    limits: FileLimits
    width: int = 1


def make_desk(
    db: Db,
    audit: Audit,
    keys: Keys,
    rules: DeskRules,
    clock: Callable[[], float],
    seals: DatasetKeys,
) -> Desk:
    """Put the room together; what was half sent when the box stopped is deleted.

    Args:
        db: the box's database.
        audit: the record.
        keys: what callers may do.
        rules: of the files.
        clock: Unix time in seconds.
        seals: what each file is sealed with.
    """
    store = BatchStore(db)
    files = FileService(db, audit, Locker(rules.root, seals), rules.limits, clock)
    files.clear_incoming()
    work = BatchWork(Ground(store, files, audit, keys, clock, rules.width))
    return Desk(files, KeptResponses(db, audit, clock), work, store, audit, clock)
