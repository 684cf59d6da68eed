"""Wire types of files and batches, in OpenAI's words; times are whole Unix seconds."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Wire

FileId = Annotated[str, Field(pattern=r"^file-[0-9a-f]{24}$")]
Noted = Annotated[str, Field(max_length=512)]
Label = Annotated[str, Field(min_length=1, max_length=64)]


class FileObject(Wire):
    """One file; its name is a label."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    expires_at: int | None = None
    object: Literal["file"] = "file"
    status: Literal["processed"] = "processed"


class FileList(Wire):
    """Files, newest first."""

    data: tuple[FileObject, ...]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"


class FileDeleted(Wire):
    """What was deleted."""

    id: str
    deleted: bool = True
    object: Literal["file"] = "file"


class BatchRequest(Wire):
    """A batch: a file of lines, the path they go to, and how long it may take (1h to 7d)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input_file_id": "file-0123456789abcdef01234567",
                    "endpoint": "/v1/chat/completions",
                    "completion_window": "24h",
                }
            ]
        }
    )

    input_file_id: FileId
    endpoint: Annotated[str, Field(max_length=64)]
    completion_window: Annotated[str, Field(max_length=8)] = "24h"
    metadata: Annotated[dict[Label, Noted], Field(max_length=16)] | None = None


class BatchError(Wire):
    """Why a batch failed; `line` counts from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class BatchErrors(Wire):
    """All of them."""

    data: tuple[BatchError, ...]
    object: Literal["list"] = "list"


class BatchCounts(Wire):
    """Lines."""

    total: int
    completed: int
    failed: int


class TokenDetails(Wire):
    """Kept for clients that look for it."""

    cached_tokens: int = 0


class ReasoningDetails(Wire):
    """The same."""

    reasoning_tokens: int = 0


class BatchUsage(Wire):
    """Tokens."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens_details: ReasoningDetails = ReasoningDetails()


class BatchObject(Wire):
    """One batch."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    status: Literal[
        "validating", "failed", "in_progress", "finalizing", "completed", "expired",
        "cancelling", "cancelled",
    ]  # fmt: skip
    created_at: int
    expires_at: int
    request_counts: BatchCounts
    usage: BatchUsage
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: BatchErrors | None = None
    metadata: dict[str, str] | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    object: Literal["batch"] = "batch"


class BatchList(Wire):
    """Batches, newest first."""

    data: tuple[BatchObject, ...]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"


class InputItemList(Wire):
    """What a kept response was asked: messages, calls and their outputs as OpenAI writes them."""

    data: tuple[dict[str, Any], ...]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"


class ResponseDeleted(Wire):
    """A kept response that was deleted."""

    id: str
    deleted: bool = True
    object: Literal["response"] = "response"
