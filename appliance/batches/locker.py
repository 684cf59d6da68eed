"""Where the content of callers' files lies: each sealed under a key of its own, named by id alone."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final

from typing_extensions import Buffer, override

from appliance.batches.errors import FileDamaged
from appliance.batches.incoming import Incoming
from appliance.vault.dataset_keys import DatasetKeys
from appliance.vault.errors import SubjectUnknown
from appliance.vault.keyfile import destroy, sync_directory
from secure_compute.errors import SecureComputeError
from secure_compute.stream import StreamKey, algorithm_of, open_header
from secure_compute.stream_reader import SealedReader

PIECE: Final = 256 * 1024
_INCOMING: Final = "incoming-"
_OLD: Final = "old-"
_PART: Final = ".part"
"""What ends like this is in no backup."""
_BOUNDLESS: Final = 1 << 62


class Locker:
    """The sealed content of files. Synchronous: every call belongs in the thread pool.

    Args:
        root: the folder, inside the vault; it need not exist.
        keys: what seals and opens each.
    """

    def __init__(self, root: Path, keys: DatasetKeys) -> None:
        self._root = root
        self.keys: Final = keys

    def path(self, file_id: str) -> Path:
        """Where the sealed bytes of a file lie."""
        return self._root / file_id

    def begin(self, limit: int) -> Incoming:
        """Open a new file, of at most so many bytes."""
        file_id = new_file_id()
        part = self._part(self.path(file_id))
        return Incoming(part, file_id, self.keys.fresh(file_id), limit)

    def admit(self, incoming: Incoming) -> None:
        """Keep a finished file with its key; without a row of its own the next sweep takes both."""
        _place(incoming.path, self.path(incoming.id))
        self.keys.keep(incoming.id, incoming.key)

    def write(
        self, file_id: str, pieces: Iterable[bytes], place: Path | None = None
    ) -> tuple[str, int]:
        """Write content that the box has, in the place of what lay there; once it is whole.

        Args:
            file_id: of the file.
            pieces: its content.
            place: where to; among the files when it is left out.

        Returns:
            SHA-256 of the content in hexadecimal, and its bytes.

        Raises:
            SubjectErased: its key was destroyed.
            OSError: the disk refuses; what lay there lies there still.
        """
        target = place or self.path(file_id)
        part = self._part(target)
        # One that a killed process left half written.
        part.unlink(missing_ok=True)
        made = Incoming(part, file_id, self.keys.sealing(file_id), _BOUNDLESS)
        try:
            for piece in pieces:
                made.write(piece)
            digest = made.finish()
            _place(part, target)
        finally:
            made.discard()
        return digest, made.bytes

    def open(self, file_id: str, *, sealed: bool = True) -> BinaryIO:
        """Open the content for reading and seeking; whoever has it open reads on when it is deleted.

        Args:
            file_id: of the file.
            sealed: False for one of an older release that could not be sealed yet.

        Raises:
            FileNotFoundError: there is none.
            FileDamaged: it is not what was written; this is also raised while it is read.
            SubjectErased: its key was destroyed.
        """
        source = self.path(file_id).open("rb")
        if not sealed:
            return source
        try:
            with _told(file_id), self._opening(file_id) as key:
                return BufferedReader(_Reader(source, key, file_id), PIECE)
        except BaseException:
            source.close()
            raise

    def lend(self, file_id: str, place: Path, *, sealed: bool = True) -> None:
        """Give a job the sealed content under another name, which outlives the file's own."""
        if sealed:
            place.unlink(missing_ok=True)
            place.hardlink_to(self.path(file_id))
            return
        with self.path(file_id).open("rb") as plain:
            self.write(file_id, pieces_of(plain), place)

    def take_back(self, file_id: str, place: Path) -> None:
        """Remove what was lent, and the key with it where nobody has the content any more."""
        with suppress(FileNotFoundError):
            alone = place.stat().st_nlink == 1 and not self.path(file_id).exists()
            place.unlink()
            if alone:
                self.keys.drop(file_id)

    def forget(self, file_id: str) -> None:
        """Delete content and key; the key stays while a job holds the content."""
        path = self.path(file_id)
        with suppress(FileNotFoundError):
            if path.stat().st_nlink == 1:
                self.keys.drop(file_id)
            path.unlink()

    def algorithm(self, file_id: str) -> str | None:
        """What a file is sealed with; None where that cannot be told."""
        with suppress(OSError, SecureComputeError), self.path(file_id).open("rb") as source:
            return algorithm_of(source)
        return None

    def seal_lying(self, file_id: str) -> None:
        """Seal a file that lies plain; what a kill left half done is finished.

        Raises:
            OSError: the disk refuses; it lies plain as before.
            SubjectErased: its key was destroyed.
        """
        path, old = self.path(file_id), self._root / f"{_OLD}{file_id}{_PART}"
        if not self._is_sealed(file_id):
            # A second name, so that what lay plain can be overwritten once nobody needs it.
            old.unlink(missing_ok=True)
            old.hardlink_to(path)
            with old.open("rb") as plain:
                self.write(file_id, pieces_of(plain))
        destroy(old)

    def clear_incoming(self) -> None:
        """Delete what was on its way in when the box stopped; call it before serving."""
        for path in self._root.glob(f"{_INCOMING}*"):
            path.unlink(missing_ok=True)

    def clear_orphans(self, known: set[str], before: float) -> None:
        """Delete content that no file has and that is older than a moment (Unix seconds)."""
        for path in self._root.glob("file-*"):
            # One that is just being taken in has its name before it has its row.
            if path.name not in known and path.stat().st_mtime < before:
                self.forget(path.name)

    def _part(self, target: Path) -> Path:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return target.with_name(f"{_INCOMING}{target.name}{_PART}")

    @contextmanager
    def _opening(self, file_id: str) -> Iterator[StreamKey]:
        key = self.keys.opening(file_id)
        with key.key:
            yield key

    def _is_sealed(self, file_id: str) -> bool:
        """Whether it was sealed already; only who has the key could have made it look so."""
        try:
            with (
                self.path(file_id).open("rb") as source,
                self._opening(file_id) as key,
            ):
                open_header(source, key)
        except (SecureComputeError, SubjectUnknown):
            return False
        return True


class _Reader(SealedReader):
    """Tells damage in the room's own words."""

    def __init__(self, source: BinaryIO, key: StreamKey, file_id: str) -> None:
        self._file_id = file_id
        super().__init__(source, key)

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        with _told(self._file_id):
            return super().readinto(buffer)


def pieces_of(source: BinaryIO) -> Iterator[bytes]:
    """What is left of a stream, in pieces."""
    return iter(partial(source.read, PIECE), b"")


@contextmanager
def _told(file_id: str) -> Iterator[None]:
    try:
        yield
    except (SecureComputeError, SubjectUnknown) as error:
        raise FileDamaged(file_id=file_id) from error


def _place(part: Path, target: Path) -> None:
    part.replace(target)
    # What names it is durable, so its own name has to be.
    sync_directory(target.parent)


def new_file_id() -> str:
    """An id that no other file has."""
    return f"file-{secrets.token_hex(12)}"
