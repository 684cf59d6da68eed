"""Streams in batches: however fast the box speaks, a screen is spoken to a few times a second."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def batched(
    source: AsyncIterator[T], pause_s: float, most: int = 1000
) -> AsyncGenerator[list[T], None]:
    """Yield what `source` gave, collected over `pause_s` seconds, oldest first.

    The source is read no further than `most` items ahead. What it raises is raised here, after the
    items before it.
    """
    queue: asyncio.Queue[T] = asyncio.Queue(most)

    async def read() -> None:
        async for item in source:
            await queue.put(item)

    reader = asyncio.ensure_future(read())
    try:
        while not (reader.done() and queue.empty()):
            first = asyncio.ensure_future(queue.get())
            try:
                await asyncio.wait((first, reader), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not first.done():
                    first.cancel()
            if first.done() and not first.cancelled():
                yield [first.result(), *_drain(queue)]
            if not reader.done():
                await asyncio.sleep(pause_s)
        await reader
    finally:
        reader.cancel()


def _drain(queue: asyncio.Queue[T]) -> list[T]:
    return [queue.get_nowait() for _ in range(queue.qsize())]
