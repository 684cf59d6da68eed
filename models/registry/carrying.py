"""Carries the files of a model from a stick into a folder of the box: resumable, nothing half."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import SourceChanged
from models.registry.errors import SourceChangedSince, SourceGone
from models.registry.intake import check_space, disk_errors
from models.registry.manifest import ManifestFile
from models.registry.source import Source

JOURNAL: Final = "carried.jsonl"
FILES: Final = "files"
_PART: Final = ".part"
_CHUNK: Final = 4 << 20
_NO_LINK: Final = {errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Carried:
    """How far it is.

    Attributes:
        done: Bytes in the box.
        total: Bytes of all files.
        file: The file at work.
    """

    done: int
    total: int
    file: str


@dataclass(frozen=True, slots=True)
class _Known:
    """A file that is in the box whole, as the journal tells."""

    file: ManifestFile
    mtime_ns: int


def carry(
    source: Source,
    staging: Path,
    report: Callable[[Carried], None],
    stop: Callable[[], bool],
) -> tuple[ManifestFile, ...] | None:
    """Copy every file, hashing on the way; a second call goes on where the first one stopped.

    A file counts once it is synced under its own name and in the journal; a part of a file never
    does and is removed. What the journal tells is believed only while file and source still have
    the size and time that they had.

    Args:
        source: What was judged.
        staging: A folder for this model alone; made when absent.
        report: Told of every few megabytes.
        stop: Asked as often; true ends the call.

    Returns:
        The files in the box, by name; None when `stop` ended it.

    Raises:
        ShelfFull: The rest does not fit; what is there stays.
        SourceGone: The source cannot be read on.
        SourceChanged: A file changed while it was copied.
        SourceChangedSince: A file that is in the box already is another one at the source now.
    """
    held = staging / FILES
    held.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in held.rglob(f"*{_PART}"):
        part.unlink()
    known = _journal(staging, held)
    rest = sum(size for name, size in source.files if name not in known)
    check_space(staging, rest)
    told = _Teller(report, source.bytes)
    rows: list[ManifestFile] = []
    with disk_errors(staging, rest):
        for name, size in sorted(source.files):
            before = known.get(name)
            if before is not None:
                _same(source, before)
                told.add(size, name)
                rows.append(before.file)
                continue
            row = _take(source.place(name), held / name, name, told, stop)
            if row is None:
                return None
            _note(staging, row)
            rows.append(row.file)
    return tuple(rows)


class _Teller:
    """Adds up bytes and tells."""

    def __init__(self, report: Callable[[Carried], None], total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0

    def add(self, count: int, name: str) -> None:
        self._done += count
        self._report(Carried(self._done, self._total, name))


def _take(
    source: Path, target: Path, name: str, told: _Teller, stop: Callable[[], bool]
) -> _Known | None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(target.name + _PART)
    digest, size = hashlib.sha256(), 0
    try:
        with _reading(source, name) as reading, part.open("xb", buffering=0) as writing:
            before = os.fstat(reading)
            while chunk := _read(reading, name):
                if stop():
                    return None
                digest.update(chunk)
                _write(writing.fileno(), chunk)
                size += len(chunk)
                told.add(len(chunk), name)
            after = os.fstat(reading)
            os.fsync(writing.fileno())
        if size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
            raise SourceChanged(name=name)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return _Known(ManifestFile(name, size, digest.hexdigest()), after.st_mtime_ns)


@contextmanager
def _reading(source: Path, name: str) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        reading = os.open(source, flags)
    except OSError as error:
        if error.errno in _NO_LINK:
            raise SourceChanged(name=name) from error
        raise _gone(name, error) from error
    try:
        yield reading
    finally:
        # A stick that is gone cannot be closed in peace either.
        with suppress(OSError):
            os.close(reading)


def _read(reading: int, name: str) -> bytes:
    try:
        return os.read(reading, _CHUNK)
    except OSError as error:
        raise _gone(name, error) from error


def _gone(name: str, error: OSError) -> SourceGone:
    return SourceGone(name=name, reason=error.strerror or type(error).__name__)


def _write(writing: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(writing, view) :]


def _same(source: Source, known: _Known) -> None:
    """The source must still be what was copied; its bytes are not read again."""
    name = known.file.name
    try:
        facts = source.place(name).stat(follow_symlinks=False)
    except OSError as error:
        raise _gone(name, error) from error
    if (facts.st_size, facts.st_mtime_ns) != (known.file.size, known.mtime_ns):
        raise SourceChangedSince(name=name)


def _note(staging: Path, row: _Known) -> None:
    file = row.file
    line = json.dumps([file.name, file.size, file.sha256, row.mtime_ns])
    with (staging / JOURNAL).open("a", encoding="ascii") as journal:
        journal.write(line + "\n")
        journal.flush()
        os.fsync(journal.fileno())


def _journal(staging: Path, held: Path) -> dict[str, _Known]:
    """What is in the box whole; a line that a crash cut, and a file that is not there, count not."""
    known: dict[str, _Known] = {}
    try:
        lines = (staging / JOURNAL).read_text("ascii").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        with suppress(ValueError, TypeError, OSError):
            name, size, sha256, mtime_ns = json.loads(line)
            if (held / name).stat().st_size == size:
                known[name] = _Known(ManifestFile(name, size, sha256), mtime_ns)
    for path in held.rglob("*"):
        # Renamed in, and then the box died before it was noted: copied again.
        if path.is_file() and path.relative_to(held).as_posix() not in known:
            path.unlink()
    return known
