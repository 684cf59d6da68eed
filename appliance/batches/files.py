"""Files that callers send and fetch: in the vault, by id, each seen by its owner alone."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit import events_files as events
from appliance.audit.event import Event
from appliance.batches.content import HEAD_BYTES, judge_head, label
from appliance.batches.errors import (
    BatchRefused,
    FileInUse,
    FilesFull,
    FileTooLarge,
    FileUnknown,
)
from appliance.batches.shape import SENT, StoredFile
from appliance.batches.store import BatchStore, FileStore
from appliance.db.database import Db

MOST_FILES: Final = 1000
_PIECE: Final = 256 * 1024
_AUDIT_TIMEOUT_S: Final = 30.0
_ORPHAN_S: Final = 3600.0
_INCOMING: Final = "incoming-"


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


class Incoming:
    """A file on its way in: `write` its pieces, then hand it to `FileService.admit`, or `discard`."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.bytes = 0
        self.head = b""
        self._limit = limit
        self._hash = hashlib.sha256()
        self._stream = path.open("xb")

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises FileTooLarge."""
        self.bytes += len(piece)
        if self.bytes > self._limit:
            raise FileTooLarge(limit=self._limit)
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self._hash.update(piece)
        self._stream.write(piece)

    def finish(self) -> str:
        """Make it durable and return its SHA-256 in hexadecimal."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Forget it; nothing happens once it was admitted."""
        self._stream.close()
        self.path.unlink(missing_ok=True)


class FileService:
    """The files of one box. Every call is synchronous and belongs in the thread pool.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        root: Where files lie, inside the vault; named by id alone.
        limits: How large they may be.
        clock: Unix time in seconds.
    """

    def __init__(
        self, db: Db, audit: Audit, root: Path, limits: FileLimits, clock: Callable[[], float]
    ) -> None:
        self._store = FileStore(db)
        self._batches = BatchStore(db)
        self._audit = audit
        self._root = root
        self._limits = limits
        self._clock = clock
        self._room: Callable[[], object] = _enough

    def ask_for_room(self, room: Callable[[], object]) -> None:
        """From now on ask before a file comes in; what is asked raises when there is none."""
        self._room = room

    def begin(self, owner: str) -> Incoming:
        """Make room for a file. Raises FilesFull, and what the disk's keeper raises."""
        self._room()
        count, held = self._store.held(owner)
        left = self._limits.all - held
        if count >= MOST_FILES or left <= 0:
            raise FilesFull(limit=self._limits.all, count=MOST_FILES)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / f"{_INCOMING}{secrets.token_hex(12)}"
        return Incoming(path, min(self._limits.each, left))

    def admit(
        self, incoming: Incoming, owner: str, name: str, purpose: str, keep_s: float | None = None
    ) -> StoredFile:
        """Take a whole file in. Raises BatchRefused (purpose) or FileKindRefused."""
        if purpose not in SENT:
            known = ", ".join(sorted(SENT))
            raise BatchRefused(
                field="purpose", reason_zh=f"可用 {known}", reason_en=f"one of {known}"
            )
        judge_head(purpose, incoming.head, whole=incoming.bytes <= HEAD_BYTES)
        digest, now = incoming.finish(), self._clock()
        file = StoredFile(
            id=new_file_id(),
            owner=owner,
            name=label(name),
            purpose=purpose,
            bytes=incoming.bytes,
            digest=digest,
            created=now,
            expires=None if keep_s is None else now + keep_s,
        )
        self._record(events.file_change("admit", owner, file_id=file.id, digest=digest))
        incoming.path.rename(self._root / file.id)
        self._store.add(file)
        return file

    def adopt(self, path: Path, file_id: str, owner: str, name: str, keep_s: float) -> None:
        """Take in a file that the box itself wrote; doing it twice is fine."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            path.rename(self._root / file_id)
        digest, size = digest_of(self._root / file_id)
        now = self._clock()
        self._store.add(
            StoredFile(file_id, owner, name, "batch_output", size, digest, now, now + keep_s)
        )

    def get(self, owner: str, file_id: str) -> StoredFile:
        """Return a file. Raises FileUnknown."""
        return self._store.get(owner, file_id)

    def newest(
        self, owner: str, purpose: str | None = None, limit: int = 100, after: str = ""
    ) -> list[StoredFile]:
        """Return files, newest first."""
        return self._store.newest(owner, purpose, max(1, min(limit, 10_000)), after)

    def path(self, file: StoredFile) -> Path:
        """Where its content lies."""
        return self._root / file.id

    def content(self, owner: str, file_id: str) -> Iterator[bytes]:
        """Return the content in pieces. Raises FileUnknown before the first."""
        path = self.path(self._store.get(owner, file_id))

        def pieces() -> Iterator[bytes]:
            with path.open("rb") as stream:
                yield b""
                while piece := stream.read(_PIECE):
                    yield piece

        opened = pieces()
        try:
            # Opened now: whoever deletes it meanwhile takes nothing from an answer under way.
            next(opened)
        except FileNotFoundError:
            raise FileUnknown(file_id=file_id[:64]) from None
        return opened

    def delete(self, owner: str, file_id: str) -> StoredFile:
        """Delete a file. Raises FileUnknown or FileInUse."""
        file = self._store.get(owner, file_id)
        reader = self._batches.reading(file_id)
        if reader is not None:
            raise FileInUse(file_id=file_id, batch_id=reader)
        self._forget(file, owner)
        return file

    def sweep(self) -> None:
        """Delete what has expired, and what a stop of the box left half sent."""
        for file in self._store.expired(self._clock()):
            if self._batches.reading(file.id) is None:
                self._forget(file, "box")
        known, before = self._store.ids(), self._clock() - _ORPHAN_S
        for path in self._root.glob("file-*"):
            # One that is just being taken in has its name before it has its row.
            if path.name not in known and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)

    def clear_incoming(self) -> None:
        """Delete files that were on their way in when the box stopped; call it before serving."""
        for path in self._root.glob(f"{_INCOMING}*"):
            path.unlink(missing_ok=True)

    def _forget(self, file: StoredFile, actor: str) -> None:
        self._record(events.file_change("delete", actor, file_id=file.id, digest=file.digest))
        self._store.drop(file.id)
        with suppress(FileNotFoundError):
            self.path(file).unlink()

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _enough() -> None:
    """Nobody watches the disk."""


def new_file_id() -> str:
    """An id that no other file has."""
    return f"file-{secrets.token_hex(12)}"


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 of a file in hexadecimal, and its bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size
