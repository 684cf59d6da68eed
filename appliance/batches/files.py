"""Files that callers send and fetch: sealed one by one, by id, each seen by its owner alone."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from appliance.audit import events_files as events
from appliance.audit.event import Event
from appliance.batches.content import HEAD_BYTES, judge_head, label
from appliance.batches.errors import FileInUse, FilePurposeUnknown, FilesFull, FileUnknown
from appliance.batches.incoming import Incoming
from appliance.batches.locker import Locker, pieces_of
from appliance.batches.shape import SENT, FilePage, Standing, StoredFile
from appliance.batches.store import BatchStore, FileStore
from appliance.db.database import Db
from appliance.vault.errors import SubjectErased
from secure_compute.stream import StreamKey

MOST_FILES: Final = 1000
_NEWEST: Final = FilePage(100)
_AUDIT_TIMEOUT_S: Final = 30.0
_ORPHAN_S: Final = 3600.0
_LOG: Final = logging.getLogger(__name__)


class Audit(Protocol):
    """The part of the audit log that files need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Bytes of one file, and of all files of one owner."""

    each: int
    all: int


class FileService:
    """The files of one box. Every call is synchronous and belongs in the thread pool.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        locker: Where contents lie sealed, inside the vault.
        limits: How large they may be.
        clock: Unix time in seconds.
    """

    def __init__(
        self, db: Db, audit: Audit, locker: Locker, limits: FileLimits, clock: Callable[[], float]
    ) -> None:
        self._store = FileStore(db)
        self._batches = BatchStore(db)
        self._audit = audit
        self._locker = locker
        self._limits = limits
        self._clock = clock
        self._room: Callable[[], object] = _enough
        self._copies: Callable[[], None] = _enough
        self._learner: Callable[[str], str | None] = lambda _: None

    def ask_for_room(self, room: Callable[[], object]) -> None:
        """From now on ask before a file comes in; what is asked raises when there is none."""
        self._room = room

    def seal_also(self, copies: Callable[[], None]) -> None:
        """From now on `seal_lying` seals copies of files too; what does it may raise OSError."""
        self._copies = copies

    def ask_who_learns(self, learner: Callable[[str], str | None]) -> None:
        """From now on ask which job learns from a file (by its id) before it is erased."""
        self._learner = learner

    def begin(self, owner: str) -> Incoming:
        """Make room for a file. Raises FilesFull, and what the disk's keeper raises."""
        self._room()
        count, held = self._store.held(owner)
        left = self._limits.all - held
        if count >= MOST_FILES or left <= 0:
            raise FilesFull(limit=self._limits.all, count=MOST_FILES)
        return self._locker.begin(min(self._limits.each, left))

    def admit(
        self, incoming: Incoming, owner: str, name: str, purpose: str, keep_s: float | None = None
    ) -> StoredFile:
        """Take a whole file in. Raises FilePurposeUnknown or FileKindRefused."""
        if purpose not in SENT:
            raise FilePurposeUnknown(known=", ".join(sorted(SENT)))
        judge_head(purpose, incoming.head, whole=incoming.bytes <= HEAD_BYTES)
        digest, now = incoming.finish(), self._clock()
        file = StoredFile(
            id=incoming.id,
            owner=owner,
            name=label(name),
            purpose=purpose,
            bytes=incoming.bytes,
            digest=digest,
            created=now,
            expires=None if keep_s is None else now + keep_s,
        )
        self._record(events.file_change("admit", owner, file_id=file.id, digest=digest))
        self._locker.admit(incoming)
        self._store.add(file)
        return file

    def adopt(
        self, pieces: Iterable[bytes], file_id: str, owner: str, name: str, keep_s: float
    ) -> None:
        """Take in a file that the box itself wrote; doing it twice is fine."""
        digest, size = self._locker.write(file_id, pieces)
        now = self._clock()
        self._store.add(
            StoredFile(file_id, owner, name, "batch_output", size, digest, now, now + keep_s)
        )

    def get(self, owner: str, file_id: str) -> StoredFile:
        """Return a file. Raises FileUnknown."""
        return self._store.get(owner, file_id)

    def listed(self, owner: str, page: FilePage = _NEWEST) -> list[StoredFile]:
        """Return files. Raises FileUnknown where a page goes on from one that is not there."""
        return self._store.listed(owner, page)

    def path(self, file: StoredFile) -> Path:
        """Where its sealed content lies."""
        return self._locker.path(file.id)

    def open(self, file: StoredFile) -> BinaryIO:
        """Open its content for reading.

        Raises:
            FileUnknown: It was deleted meanwhile.
            FileDamaged, SubjectErased: It cannot be read (any more).
        """
        try:
            return self._locker.open(file.id, sealed=file.sealed)
        except FileNotFoundError:
            raise FileUnknown(file_id=file.id) from None

    def content(self, owner: str, file_id: str) -> Iterator[bytes]:
        """Return the content in pieces. Raises as `get` and `open` do, before the first."""
        # Opened now: whoever deletes it meanwhile takes nothing from an answer under way.
        stream = self.open(self._store.get(owner, file_id))

        def pieces() -> Iterator[bytes]:
            with stream:
                yield b""
                yield from pieces_of(stream)

        begun = pieces()
        # From here on it closes what it reads, also when nobody asks for more.
        next(begun)
        return begun

    def delete(self, owner: str, file_id: str) -> StoredFile:
        """Delete a file. Raises FileUnknown or FileInUse."""
        file = self._store.get(owner, file_id)
        self._idle(file_id)
        self._forget(file, owner)
        return file

    # Jobs ---------------------------------------------------------------------------------------

    def key(self, file_id: str) -> StreamKey:
        """What opens a file, for a job that reads it; wipe it. Raises SubjectUnknown, SubjectErased."""
        return self._locker.keys.opening(file_id)

    def growing(self, file_id: str) -> StreamKey:
        """What seals a file that the box writes bit by bit; wipe it. Raises SubjectErased."""
        return self._locker.keys.sealing(file_id)

    def lend(self, file: StoredFile, place: Path) -> None:
        """Put a file's sealed content into a job's folder; the file may be deleted then."""
        self._locker.lend(file.id, place, sealed=file.sealed)

    def take_back(self, file_id: str, place: Path) -> None:
        """Remove what was lent to a job that is over."""
        self._locker.take_back(file_id, place)

    def seal_copy(self, file_id: str, plain: Path, place: Path) -> None:
        """Seal a plain copy of a file to another place. Raises SubjectErased, OSError."""
        with plain.open("rb") as source:
            self._locker.write(file_id, pieces_of(source), place)

    # Erasing ------------------------------------------------------------------------------------

    def every(self, limit: int) -> list[StoredFile]:
        """The newest files of all owners, for whoever may erase them."""
        return self._store.every(max(1, min(limit, 10_000)))

    def standing(self, file: StoredFile) -> Standing:
        """How a file lies."""
        keys = self._locker.keys
        name = keys.name(file.id)
        if keys.erased(file.id):
            return Standing("erased", None, name)
        if not file.sealed:
            return Standing("plain", None, name)
        return Standing("sealed", self._locker.algorithm(file.id), name)

    def part(self, owner: str) -> None:
        """Keep what an owner has from whoever gets the same name: nobody's name holds a slash."""
        self._store.part(owner, f"{owner}/{int(self._clock())}")

    def judge_erasing(self, file_id: str) -> None:
        """Refuse to erase what is being read. Raises FileInUse."""
        self._idle(file_id)
        learner = self._learner(file_id)
        if learner is not None:
            raise FileInUse(file_id=file_id, reader=learner)

    def erased(self, file_id: str) -> None:
        """Forget a file whose key was destroyed: its row, and bytes that nobody can read any more."""
        self._store.drop(file_id)
        self._locker.forget(file_id)

    # Living -------------------------------------------------------------------------------------

    def seal_lying(self) -> int:
        """Seal the files of an older release that lie plain; how many still do. Call it before serving.

        A kill loses nothing: what was begun is finished the next time. A disk without room leaves
        them plain, and readable, until then.
        """
        lying = self._store.plain()
        try:
            for file in lying:
                self._seal(file)
            self._copies()
        except OSError as error:
            _LOG.warning("not every file is sealed yet: %s", error.strerror)
        left = len(self._store.plain())
        if len(lying) > left:
            self._record(events.files_seal(files=len(lying) - left, left=left))
        return left

    def sweep(self) -> None:
        """Delete what has expired or was erased, and what a stop of the box left half sent."""
        for file in self._store.expired(self._clock()):
            if self._batches.reading(file.id) is None:
                self._forget(file, "box")
        known = self._store.ids()
        for file_id in known:
            # A backup brings rows back of files that were erased since.
            if self._locker.keys.erased(file_id):
                self.erased(file_id)
        self._locker.clear_orphans(known, self._clock() - _ORPHAN_S)

    def clear_incoming(self) -> None:
        """Delete files that were on their way in when the box stopped; call it before serving."""
        self._locker.clear_incoming()

    def _seal(self, file: StoredFile) -> None:
        try:
            self._locker.seal_lying(file.id)
        except (FileNotFoundError, SubjectErased):
            self.erased(file.id)
        else:
            self._store.mark_sealed(file.id)

    def _idle(self, file_id: str) -> None:
        reader = self._batches.reading(file_id)
        if reader is not None:
            raise FileInUse(file_id=file_id, reader=reader)

    def _forget(self, file: StoredFile, actor: str) -> None:
        self._record(events.file_change("delete", actor, file_id=file.id, digest=file.digest))
        self._store.drop(file.id)
        self._locker.forget(file.id)

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _enough() -> None:
    """Nobody watches the disk, and there are no copies."""
