"""Server-sent events for routes: what a service tells, with a heartbeat while it is silent."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from appliance.access.errors import AccessRefused
from appliance.api.problems import body_of, problem_of
from appliance.errors import ApplianceError

HEARTBEAT_S: Final = 15.0
# How often a silent stream asks whether its reader may still read.
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its name, its body and, where a client may come back to it, its id."""

    event: str
    body: BaseModel
    id: str = ""


def event_stream(
    source: AsyncIterator[Told],
    request_id: str,
    stopping: asyncio.Event,
    alive: Callable[[], bool],
) -> StreamingResponse:
    """Send what `source` tells until it ends, the box stops or its reader may read no more.

    An error of the source becomes a last event `error` with the problem; so does a revocation,
    within a second of it.

    Args:
        source: what to tell.
        request_id: the request, for the problem.
        stopping: set when the box stops.
        alive: tells whether the caller's grant still holds; raises VaultLocked once it cannot.
    """
    return StreamingResponse(
        _lines(source, request_id, stopping, alive),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(
    source: AsyncIterator[Told],
    request_id: str,
    stopping: asyncio.Event,
    alive: Callable[[], bool],
) -> AsyncIterator[bytes]:
    yield b": open\n\n"
    silent_s = 0.0
    coming: asyncio.Task[Told | None] | None = None
    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            coming = coming or asyncio.ensure_future(_next(source))
            await asyncio.wait({coming, stop}, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if not alive():
                raise AccessRefused  # noqa: TRY301  # ends like any other refusal
            if not coming.done():
                silent_s += _LOOK_S
                if silent_s >= HEARTBEAT_S:
                    silent_s = 0.0
                    yield b": alive\n\n"
                continue
            told, coming = coming.result(), None
            if told is None:
                return
            yield _line(told.event, told.id, told.body.model_dump_json().encode())
    except Exception as error:  # noqa: BLE001  # the API's wall, behind the headers
        yield _line("error", "", body_of(problem_of(_cause(error, alive), request_id)))
    finally:
        stop.cancel()
        await _leave(source, coming)


def _cause(error: Exception, alive: Callable[[], bool]) -> Exception:
    """Why a source failed: a lock takes everything away from under it, and that is what to tell."""
    try:
        alive()
    except ApplianceError as why:
        return why
    return error


async def _leave(source: AsyncIterator[Told], coming: "asyncio.Task[Told | None] | None") -> None:
    """Tell the source that nobody listens any more: now, and not when it is collected."""
    if coming is not None:
        coming.cancel()
        await asyncio.wait({coming})
    if isinstance(source, AsyncGenerator):
        await source.aclose()


async def _next(source: AsyncIterator[Told]) -> Told | None:
    """The next event, None after the last: a task cannot end by StopAsyncIteration."""
    return await anext(source, None)


def _line(event: str, ident: str, data: bytes) -> bytes:
    number = f"id: {ident}\n".encode() if ident else b""
    return b"event: %s\n%sdata: %s\n\n" % (event.encode(), number, data)
