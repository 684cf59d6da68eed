"""Files and batches as they stand; times are Unix seconds."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

Json = dict[str, Any]
Purpose = Literal["batch", "user_data", "evals", "fine-tune", "batch_output"]
SENT: Final = frozenset({"batch", "user_data", "evals", "fine-tune"})


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file.

    Attributes:
        id: "file-" and 24 hexadecimal digits; also its name on the disk.
        owner: The actor who sent it; nobody else sees it.
        name: A label for people, never a path.
        purpose: What it is for.
        bytes: Its length.
        digest: SHA-256 of its content, hexadecimal.
        created: When it came.
        expires: When it is deleted, or None.
        sealed: Whether its content lies sealed under a key of its own; it does from the day it came,
            but for files of an older release on a disk that has no room for it.
    """

    id: str
    owner: str
    name: str
    purpose: str
    bytes: int
    digest: str
    created: float
    expires: float | None
    sealed: bool = True


@dataclass(frozen=True, slots=True)
class FilePage:
    """Which files are listed.

    Attributes:
        limit: Not more than so many.
        purpose: Of this purpose alone; None for every one.
        after: Those behind the file of this id; empty for all.
        oldest_first: The order; the newest come first else.
    """

    limit: int
    purpose: str | None = None
    after: str = ""
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a file lies.

    Attributes:
        state: Sealed under a key of its own; plain, from an older release; or erased.
        algorithm: What it is sealed with, where that can be told.
        key: The public name of its key, as certificates of destruction tell it.
    """

    state: Literal["sealed", "plain", "erased"]
    algorithm: str | None
    key: str


class BatchStatus(StrEnum):
    """Where a batch stands, in OpenAI's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


RESTING: Final = frozenset(
    {BatchStatus.FAILED, BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class BatchFault:
    """Why a batch failed: one line of its input, or the whole of it (`line` None)."""

    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch.

    Attributes:
        id: "batch_" and 24 hexadecimal digits.
        owner: The actor who made it.
        key_id: The key that every line is counted for; None for the local console.
        endpoint: The path that every line goes to.
        input_file: The file of its lines.
        window_s: How long it may take.
        created: When it was made.
        status: Where it stands.
        times: When it came to each status.
        total: Lines; 0 until they were judged.
        completed: Lines answered.
        failed: Lines refused or failed.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        output_file: The file of answers, once there is one.
        error_file: The file of failures, once there is one.
        faults: Why it failed.
        metadata: The caller's own notes.
        job_id: The job that works on it.
        ending: The status it comes to rest in, once that is decided and its files are being made.
    """

    id: str
    owner: str
    key_id: str | None
    endpoint: str
    input_file: str
    window_s: int
    created: float
    status: BatchStatus = BatchStatus.VALIDATING
    times: dict[str, float] = field(default_factory=dict)
    total: int = 0
    completed: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    output_file: str | None = None
    error_file: str | None = None
    faults: tuple[BatchFault, ...] = ()
    metadata: dict[str, str] | None = None
    job_id: str | None = None
    ending: BatchStatus | None = None

    @property
    def expires(self) -> float:
        """When what is not done by then is given up."""
        return self.created + self.window_s
