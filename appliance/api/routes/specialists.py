"""Routes of the specialists: the admission note, drafted whole or before the reader's eyes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from appliance.api.deps import Box, NamedPatient, RequestId, SpecialistCaller, Stands, TheFront
from appliance.api.events import Told, event_stream
from appliance.api.report_views import draft_event, draft_view
from appliance.contract.specialist import Draft, DraftWish
from appliance.specialists.admission_note import Caller, Checked, Delta, Done

router = APIRouter(prefix="/api/v1/specialists", tags=["specialists"])
Step = Delta | Checked | Done


def asker(box: Box, who: SpecialistCaller, request_id: RequestId, patient: NamedPatient) -> Caller:
    """Who asks for a draft, and for whom."""
    access = box.access
    return Caller(
        who.actor, request_id, partial(access.meter, who), patient, partial(access.allow, who)
    )


Asker = Annotated[Caller, Depends(asker)]


@router.post("/admission-note", response_model=Draft)
async def draft(
    wish: DraftWish, front: TheFront, box: Box, who: SpecialistCaller, caller: Asker, stands: Stands
) -> Draft | StreamingResponse:
    """Draft a note from key facts; `stream` shows the unchecked text as it is written (SSE)."""
    box.access.admit(who)
    if not wish.stream:
        return draft_view(await box.specialist.draft(wish.facts, caller))
    telling = box.specialist.stream(wish.facts, caller)
    # The first event is awaited here: what is refused at once is refused with its own status.
    source = _told(await anext(telling), telling)
    return event_stream(source, caller.request_id, front.stopping, partial(stands.holds, who))


@router.get("/admission-note/schema")
def schema(box: Box, _: SpecialistCaller) -> dict[str, Any]:
    """The JSON Schema of the facts."""
    return box.specialist.schema()


async def _told(first: Step, rest: AsyncGenerator[Step, None]) -> AsyncGenerator[Told, None]:
    async with aclosing(rest):
        yield Told(*draft_event(first))
        async for step in rest:
            yield Told(*draft_event(step))
