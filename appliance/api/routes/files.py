"""Routes of files: send, list, look at, fetch, delete; each caller sees its own."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from appliance.api.deps import Box, ChatCaller
from appliance.api.file_views import file_list, file_view
from appliance.api.uploads import take_file
from appliance.batches.shape import FilePage
from appliance.contract.files import FileDeleted, FileList, FileObject

router = APIRouter(prefix="/v1/files", tags=["files"])
_PROPERTIES: Final = {
    "file": {"type": "string", "format": "binary"},
    "purpose": {"enum": ["batch", "user_data", "evals", "fine-tune"]},
    "expires_after[anchor]": {"enum": ["created_at"]},
    "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2_592_000},
}
_SCHEMA: Final = {"type": "object", "required": ["file", "purpose"], "properties": _PROPERTIES}
_EXAMPLE: Final = {"file": "{}\n", "purpose": "user_data"}
_CONTENT: Final = {"multipart/form-data": {"schema": _SCHEMA, "example": _EXAMPLE}}
_FORM: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": _CONTENT}}


@router.post("", openapi_extra=_FORM)
async def send(request: Request, box: Box, who: ChatCaller) -> FileObject:
    """Send a file, as a form with `file` and `purpose`."""
    return file_view(await take_file(request, box.files, who.actor))


@router.get("")
def files(
    box: Box,
    who: ChatCaller,
    purpose: Annotated[str | None, Query(max_length=32)] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: Annotated[str, Query(max_length=64)] = "",
    order: Literal["asc", "desc"] = "desc",
) -> FileList:
    """The caller's files, newest first, or with `order=asc` oldest first."""
    page = FilePage(limit + 1, purpose, after, oldest_first=order == "asc")
    return file_list(box.files.listed(who.actor, page), limit)


@router.get("/{file_id}")
def file(file_id: str, box: Box, who: ChatCaller) -> FileObject:
    """One file."""
    return file_view(box.files.get(who.actor, file_id))


@router.get("/{file_id}/content", response_class=Response)
def content(file_id: str, box: Box, who: ChatCaller) -> StreamingResponse:
    """What a file holds."""
    pieces = box.files.content(who.actor, file_id)
    headers = {"content-disposition": "attachment", "content-security-policy": "sandbox"}
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


@router.delete("/{file_id}")
def delete(file_id: str, box: Box, who: ChatCaller) -> FileDeleted:
    """Delete a file."""
    return FileDeleted(id=box.files.delete(who.actor, file_id).id)
