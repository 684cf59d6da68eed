"""The route of the event stream: engines, jobs, alerts, vault and updates as they change."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from appliance.access.grants import Grant
from appliance.api.deps import RequestId, Standing, Stands, SystemReader, TheFront
from appliance.api.events import Told, event_stream
from appliance.api.front import Front
from appliance.api.views import news_view
from appliance.telemetry.hub import News

router = APIRouter(prefix="/api/v1/events", tags=["events"])
# What a caller needs beside system:read to be told of each kind; the others need nothing more.
_SCOPES: Final = {"job": "jobs:read", "alert": "alerts:read", "update": "updates:write"}


@router.get("", response_class=Response)
async def events(
    front: TheFront,
    who: SystemReader,
    request_id: RequestId,
    stands: Stands,
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> StreamingResponse:
    """What happens on the box after `Last-Event-ID`, then live (SSE); only what the caller may see."""
    follow = partial(_may_follow, front, stands, who)
    news = front.watch.hub.follow(last_event_id, partial(_may_see, front, stands, who), follow)
    # The hub looks itself whether the reader may follow, and its last news say why it ends.
    return event_stream(_told(news), request_id, front.stopping, lambda: True)


def _may_follow(front: Front, stands: Standing, who: Grant) -> bool:
    """Whether the vault is open and the caller's rights still hold."""
    return front.services is not None and stands.holds(who)


def _may_see(front: Front, stands: Standing, who: Grant, one: News) -> bool:
    if not _may_follow(front, stands, who):
        # That the vault was locked is the last that is told.
        return front.services is None and one.kind == "vault"
    scope = _SCOPES.get(one.kind)
    if scope is not None and scope not in who.scopes:
        return False
    return one.kind != "engine" or who.models is None or one.subject in who.models


async def _told(news: AsyncGenerator[News]) -> AsyncIterator[Told]:
    async with aclosing(news) as coming:
        async for one in coming:
            yield Told(one.kind, news_view(one), one.id)
