"""Routes of batches and of kept responses; each caller sees its own."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from appliance.api.deps import Box, ChatCaller
from appliance.api.file_views import batch_list, batch_view, batch_wish
from appliance.contract.files import BatchList, BatchObject, BatchRequest, ResponseDeleted

router = APIRouter(prefix="/v1", tags=["batches"])


@router.post("/batches")
async def create(wish: BatchRequest, box: Box, who: ChatCaller) -> BatchObject:
    """Queue a batch; it runs when nobody else needs the engines."""
    return batch_view(await box.batches.create(batch_wish(wish), who))


@router.get("/batches")
async def batches(
    box: Box,
    who: ChatCaller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str, Query(max_length=64)] = "",
) -> BatchList:
    """The caller's batches, newest first."""
    return batch_list(await box.batches.newest(who.actor, limit + 1, after), limit)


@router.get("/batches/{batch_id}")
async def batch(batch_id: str, box: Box, who: ChatCaller) -> BatchObject:
    """One batch."""
    return batch_view(await box.batches.get(who.actor, batch_id))


@router.post("/batches/{batch_id}/cancel")
async def cancel(batch_id: str, box: Box, who: ChatCaller) -> BatchObject:
    """Ask for the end of a batch."""
    return batch_view(await box.batches.cancel(who.actor, batch_id, who.actor))


@router.get("/responses/{response_id}", response_class=Response)
def response(response_id: str, box: Box, who: ChatCaller) -> Response:
    """A response that was asked for with `store: true`."""
    kept = box.responses.get(who.actor, response_id)
    return Response(kept.response, media_type="application/json")


@router.delete("/responses/{response_id}")
def forget(response_id: str, box: Box, who: ChatCaller) -> ResponseDeleted:
    """Delete a kept response."""
    box.responses.delete(who.actor, response_id)
    return ResponseDeleted(id=response_id)


@router.post("/responses/{response_id}/cancel", response_class=Response)
def cancel_response(response_id: str, box: Box, who: ChatCaller) -> Response:
    """A response is over once it is known; the answer tells it as it stands."""
    return response(response_id, box, who)
