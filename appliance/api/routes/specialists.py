"""Routes of the specialists: the admission note, drafted whole or before the reader's eyes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from appliance.access.grants import Grant
from appliance.api.deps import Box, RequestId, SpecialistCaller, TheFront
from appliance.api.events import Told, event_stream
from appliance.api.views import draft_view
from appliance.contract.specialist import Draft, DraftEvent, DraftWish
from appliance.services import Services

router = APIRouter(prefix="/api/v1/specialists", tags=["specialists"])


@router.post("/admission-note", response_model=Draft)
async def draft(
    wish: DraftWish, front: TheFront, box: Box, who: SpecialistCaller, request_id: RequestId
) -> Draft | StreamingResponse:
    """Draft a note from key facts; `stream` shows the unchecked text as it is written (SSE)."""
    if wish.stream:
        return event_stream(_told(box, wish, who, request_id), request_id, front.stopping)
    return draft_view(await box.specialist.draft(wish.facts, who, request_id))


@router.get("/admission-note/schema")
def schema(box: Box, _: SpecialistCaller) -> dict[str, Any]:
    """The JSON Schema of the facts."""
    return box.specialist.schema()


async def _told(box: Services, wish: DraftWish, who: Grant, request_id: str) -> AsyncIterator[Told]:
    written: asyncio.Queue[str | None] = asyncio.Queue()

    async def draft_it() -> Draft:
        try:
            made = await box.specialist.draft(wish.facts, who, request_id, written.put)
            return draft_view(made)
        finally:
            await written.put(None)

    task = asyncio.create_task(draft_it(), name="draft")
    try:
        while (text := await written.get()) is not None:
            yield Told("delta", DraftEvent(event="delta", text=text))
        made = await task
    finally:
        # Who hangs up needs no note: the engine stops writing it.
        task.cancel()
    checked = DraftEvent(event="checked", repairs=made.repairs, flags=made.flags)
    yield Told("checked", checked)
    yield Told("done", DraftEvent(event="done", draft=made))
