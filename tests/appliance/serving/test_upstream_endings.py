"""However an exchange with an engine ends, its place is free again."""

import asyncio

import pytest

from appliance.serving.errors import EngineFaulty, EngineGone, EngineSilent
from appliance.serving.upstream_client import UpstreamPool
from tests.appliance.serving.raw_engine import OK, Engine, endpoint


async def whole(pool):
    await (await pool.ask("/x", b"{}")).whole()


async def aborted(pool):
    exchange = await pool.ask("/x", b"{}")
    assert await exchange.more()
    exchange.abort()


async def cancelled(pool):
    task = asyncio.create_task(pool.ask("/x", b"{}"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def broken(pool):
    with pytest.raises((EngineGone, EngineFaulty, EngineSilent)):
        await whole(pool)


async def answered(writer, _served):
    writer.write(OK)
    return True


async def closing(writer, _served):
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
    return True


async def begins(writer, _served):
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n")
    await writer.drain()
    await asyncio.sleep(600)
    return False


async def hangs_up(writer, _served):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")
    await writer.drain()
    return False


async def leaves_at_once(_writer, _served):
    return False


async def talks_nonsense(writer, _served):
    writer.write(b"hello?\r\n\r\n")
    return True


async def says_nothing(_writer, _served):
    await asyncio.sleep(600)
    return False


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (answered, whole),
        (closing, whole),
        (begins, aborted),
        (begins, broken),
        (hangs_up, broken),
        (leaves_at_once, broken),
        (talks_nonsense, broken),
        (says_nothing, broken),
        (says_nothing, cancelled),
        (answered, cancelled),
    ],
)
async def test_however_an_exchange_ends_its_place_is_free_again(tmp_path, answer, end):
    async with Engine(tmp_path / "e", answer) as engine:
        pool = UpstreamPool(endpoint(engine.path, width=2, limit=8, silence_s=0.5))
        for _ in range(2 if answer in (begins, says_nothing) else 5):
            await asyncio.wait_for(end(pool), 60)
        async with asyncio.timeout(60):
            while pool._places.free < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (pool._places.free, pool.waiting) == (2, 0)
        pool.close()


async def test_an_engine_that_nobody_finds_keeps_no_place(tmp_path):
    pool = UpstreamPool(endpoint(tmp_path / "nobody", width=2, limit=8))
    for _ in range(5):
        await broken(pool)
    assert pool._places.free == 2
    pool.close()
