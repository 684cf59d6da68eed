"""A training's own hold on a caller's file: lent sealed, opened with a key from the pipe."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.jobs.errors import JobUnknown
from appliance.jobs.job import Job, JobState, Json
from appliance.vault.errors import SubjectErased
from appliance.vault.file_seal import stream_key
from appliance.vault.keyfile import destroy
from models.training.errors import CorpusMalformed
from secure_compute.errors import SecureComputeError
from secure_compute.secret import Secret
from secure_compute.stream import StreamKey
from secure_compute.stream_reader import SealedReader

CHATS: Final = "chats.sealed"
_PLAIN: Final = "chats.jsonl"
"""What trainings of an older release copied into their folders."""
_CORPUS: Final = "corpus"
_OVER: Final = frozenset({JobState.DONE, JobState.CANCELLED})
_READS: Final = frozenset({JobState.RUNNING, JobState.QUEUED})


class Files(Protocol):
    """The files of callers; `appliance.batches.files.FileService`."""

    def get(self, owner: str, file_id: str) -> Any:
        """A file; raises FileUnknown."""
        ...

    def key(self, file_id: str) -> StreamKey:
        """What opens a file; raises SubjectUnknown, SubjectErased."""
        ...

    def lend(self, file: Any, place: Path) -> None:
        """Put its sealed content into a job's folder."""
        ...

    def take_back(self, file_id: str, place: Path) -> None:
        """Remove what was lent."""
        ...


class Copies(Protocol):
    """What seals copies; `appliance.batches.files.FileService`."""

    def seal_copy(self, file_id: str, plain: Path, place: Path) -> None:
        """Seal a plain copy of a file to another place. Raises SubjectErased, OSError."""
        ...


def told_to_worker(files: Files, file_id: str) -> Json:
    """What opens the file, for the worker's standard input and nothing else.

    Raises:
        SubjectUnknown, SubjectErased: nobody can open it any more.
    """
    with files.key(file_id).key as key:
        return {"file": file_id, "key": key.view().hex()}


def lines_of(path: Path, seal: Json) -> Iterator[bytes]:
    """The lines of a file that was lent, in the worker; plain text stays in memory.

    Args:
        path: the sealed file.
        seal: what `told_to_worker` made.

    Raises:
        CorpusMalformed: It is not what was written, or cannot be read.
    """
    try:
        with path.open("rb") as sealed:
            with Secret(bytes.fromhex(seal["key"])) as key:
                reader = SealedReader(sealed, stream_key(seal["file"], key, ""))
            with BufferedReader(reader) as lines:
                yield from lines
    except (SecureComputeError, OSError) as error:
        raise CorpusMalformed(reason=str(error)) from error


def learner(jobs: Callable[[], list[Job]], file_id: str) -> str | None:
    """The training that reads a file, or is about to; None when none does."""
    read = (job for job in jobs() if job.spec.get("dataset") == file_id)
    return next((job.id for job in read if job.state in _READS), None)


def seal_copies(folder: Path, find: Callable[[str], Job], files: Copies) -> None:
    """Seal what trainings of an older release copied in plain, and destroy it; a kill loses nothing.

    Args:
        folder: where each job has a folder of its own.
        find: gives a job by its id; raises JobUnknown.
        files: seals copies.

    Raises:
        OSError: the disk refuses; what is left lies plain as before.
    """
    first: dict[str, Path] = {}
    for plain in sorted(folder.glob(f"*/{_PLAIN}")):
        place = plain.with_name(CHATS)
        file_id = _needed(find, plain.parent.name)
        if file_id is not None and not place.exists():
            with suppress(SubjectErased):
                _seal(files, file_id, (plain, place), first)
        for tokens in (plain.parent / _CORPUS).glob("*.npy"):
            destroy(tokens)
        destroy(plain)


def _seal(files: Copies, file_id: str, way: tuple[Path, Path], first: dict[str, Path]) -> None:
    plain, place = way
    if file_id in first:
        # Of one inode, so that the last training that ends knows itself to be the last.
        place.hardlink_to(first[file_id])
    else:
        files.seal_copy(file_id, plain, place)
        first[file_id] = place


def _needed(find: Callable[[str], Job], job_id: str) -> str | None:
    """The file that a job may still learn from."""
    try:
        job = find(job_id)
    except JobUnknown:
        return None
    file_id = job.spec.get("dataset")
    return None if file_id is None or job.state in _OVER else str(file_id)
