"""Routes of batches and of kept responses; each caller sees its own."""

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Response

from appliance.api.deps import Box, ChatCaller
from appliance.api.dialects.tooling import refused
from appliance.api.file_views import batch_list, batch_view, batch_wish
from appliance.api.input_views import input_list
from appliance.contract.files import (
    BatchList,
    BatchObject,
    BatchRequest,
    InputItemList,
    ResponseDeleted,
)

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
def response(
    response_id: str,
    box: Box,
    who: ChatCaller,
    stream: Annotated[bool, Query()] = False,  # noqa: FBT002
) -> Response:
    """A response that was asked for with `store: true`; it is told whole, not as a stream."""
    if stream:
        raise refused("stream", "保存的回答只能整体取回", "a kept response is told whole")
    kept = box.responses.get(who.actor, response_id)
    return Response(kept.response, media_type="application/json")


@router.get("/responses/{response_id}/input_items")
def input_items(
    response_id: str,
    box: Box,
    who: ChatCaller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str, Query(max_length=128)] = "",
    order: Literal["asc", "desc"] = "desc",
) -> InputItemList:
    """What a kept response was asked, the last item first, or with `order=asc` the first."""
    turns = orjson.loads(box.responses.get(who.actor, response_id).turns)
    first = order == "asc"
    return input_list(response_id, turns, limit=limit, after=after, oldest_first=first)


@router.delete("/responses/{response_id}")
def forget(response_id: str, box: Box, who: ChatCaller) -> ResponseDeleted:
    """Delete a kept response."""
    box.responses.delete(who.actor, response_id)
    return ResponseDeleted(id=response_id)


@router.post("/responses/{response_id}/cancel", response_class=Response)
def cancel_response(response_id: str, box: Box, who: ChatCaller) -> Response:
    """A response is over once it is known; the answer tells it as it stands."""
    return response(response_id, box, who)
