"""Server-sent events for routes: what a service tells, with a heartbeat while it is silent."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from appliance.api.problems import body_of, problem_of

HEARTBEAT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its name, its body and, where a client may come back to it, its id."""

    event: str
    body: BaseModel
    id: str = ""


def event_stream(
    source: AsyncIterator[Told], request_id: str, stopping: asyncio.Event
) -> StreamingResponse:
    """Send what `source` tells until it ends or the box stops.

    An error of the source becomes a last event `error` with the problem.
    """
    return StreamingResponse(
        _lines(source, request_id, stopping),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(
    source: AsyncIterator[Told], request_id: str, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    yield b": open\n\n"
    coming: asyncio.Task[Told | None] | None = None
    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            coming = coming or asyncio.ensure_future(_next(source))
            await asyncio.wait(
                {coming, stop}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not coming.done():
                yield b": alive\n\n"
                continue
            told, coming = coming.result(), None
            if told is None:
                return
            yield _line(told.event, told.id, told.body.model_dump_json().encode())
    except Exception as error:  # noqa: BLE001  # the API's wall, behind the headers
        yield _line("error", "", body_of(problem_of(error, request_id)))
    finally:
        stop.cancel()
        if coming is not None:
            coming.cancel()


async def _next(source: AsyncIterator[Told]) -> Told | None:
    """The next event, None after the last: a task cannot end by StopAsyncIteration."""
    return await anext(source, None)


def _line(event: str, ident: str, data: bytes) -> bytes:
    number = f"id: {ident}\n".encode() if ident else b""
    return b"event: %s\n%sdata: %s\n\n" % (event.encode(), number, data)
