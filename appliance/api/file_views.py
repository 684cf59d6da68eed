"""Files and batches as the wire carries them."""

from collections.abc import Sequence

from appliance.batches.service import BatchWish
from appliance.batches.shape import Batch, StoredFile
from appliance.contract import files as wire


def file_view(file: StoredFile) -> wire.FileObject:
    """A file."""
    return wire.FileObject(
        id=file.id,
        bytes=file.bytes,
        created_at=int(file.created),
        filename=file.name,
        purpose=file.purpose,
        expires_at=None if file.expires is None else int(file.expires),
    )


def file_list(files: Sequence[StoredFile], limit: int) -> wire.FileList:
    """Files; one more than `limit` were asked for, to know whether there are more."""
    shown = tuple(file_view(file) for file in files[:limit])
    return wire.FileList(
        data=shown,
        has_more=len(files) > limit,
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
    )


def batch_wish(request: wire.BatchRequest) -> BatchWish:
    """A wish for a batch, as the room takes it."""
    window, notes = request.completion_window, request.metadata
    return BatchWish(request.input_file_id, request.endpoint, window, notes)


def batch_view(batch: Batch) -> wire.BatchObject:
    """A batch."""
    faults = tuple(
        wire.BatchError(code=one.code, message=one.message, line=one.line) for one in batch.faults
    )
    times = {f"{status}_at": int(at) for status, at in batch.times.items()}
    times.pop("validating_at", None)
    read, written = batch.prompt_tokens, batch.completion_tokens
    hours = batch.window_s // 3600
    return wire.BatchObject.model_validate(
        {
            **times,
            "id": batch.id,
            "endpoint": batch.endpoint,
            "input_file_id": batch.input_file,
            "completion_window": f"{hours}h",
            "status": batch.status.value,
            "created_at": int(batch.created),
            "expires_at": int(batch.expires),
            "request_counts": wire.BatchCounts(
                total=batch.total, completed=batch.completed, failed=batch.failed
            ),
            "usage": wire.BatchUsage(
                input_tokens=read, output_tokens=written, total_tokens=read + written
            ),
            "output_file_id": batch.output_file,
            "error_file_id": batch.error_file,
            "errors": wire.BatchErrors(data=faults) if faults else None,
            "metadata": batch.metadata,
        }
    )


def batch_list(batches: Sequence[Batch], limit: int) -> wire.BatchList:
    """Batches; one more than `limit` were asked for, to know whether there are more."""
    shown = tuple(batch_view(batch) for batch in batches[:limit])
    return wire.BatchList(
        data=shown,
        has_more=len(batches) > limit,
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
    )
