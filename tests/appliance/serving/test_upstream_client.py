"""The client to engines: pooled, retried once, bounded, and never left hanging."""

import asyncio

import pytest

from appliance.serving.errors import EngineBusy, EngineFaulty, EngineGone, EngineSilent
from appliance.serving.upstream_client import UpstreamPool
from tests.appliance.serving.raw_engine import OK, Engine, endpoint, plain


async def test_it_reuses_connections_and_brings_the_secret(tmp_path):
    async with Engine(tmp_path / "e", plain) as engine:
        pool = UpstreamPool(endpoint(engine.path))
        for _ in range(5):
            exchange = await pool.ask("/x", b"{}")
            assert (exchange.status, await exchange.whole()) == (200, b"{}")
        assert engine.connections == 1
        assert b"Authorization: Bearer the-secret\r\n" in engine.requests[0]
        pool.close()


async def test_a_reused_connection_that_was_closed_is_tried_once_more(tmp_path):
    async def leaves(writer, served):
        if served == 1:
            writer.write(OK)
            return True
        return False

    async with Engine(tmp_path / "e", leaves) as engine:
        pool = UpstreamPool(endpoint(engine.path))
        for _ in range(4):
            assert await (await pool.ask("/x", b"{}")).whole() == b"{}"
        pool.close()


async def test_a_fresh_connection_that_is_closed_is_gone(tmp_path):
    async def never(_writer, _served):
        return False

    async with Engine(tmp_path / "e", never) as engine:
        pool = UpstreamPool(endpoint(engine.path))
        with pytest.raises(EngineGone):
            await pool.ask("/x", b"{}")
        assert engine.connections == 1
        pool.close()


async def test_nobody_listens(tmp_path):
    pool = UpstreamPool(endpoint(tmp_path / "nobody"))
    with pytest.raises(EngineGone):
        await pool.ask("/x", b"{}")
    pool.close()


async def test_an_answer_broken_off_in_the_middle(tmp_path):
    async def half(writer, _served):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")
        await writer.drain()
        return False

    async with Engine(tmp_path / "e", half) as engine:
        pool = UpstreamPool(endpoint(engine.path))
        exchange = await pool.ask("/x", b"{}")
        with pytest.raises(EngineGone):
            await asyncio.wait_for(exchange.whole(), 60)
        exchange = await pool.ask("/x", b"{}")
        assert await exchange.more() == b"{"
        with pytest.raises(EngineGone):
            await asyncio.wait_for(exchange.more(), 60)
        pool.close()


async def test_what_is_no_http_is_faulty(tmp_path):
    async def noise(writer, _served):
        writer.write(b"hello?\r\n\r\n")
        return True

    async with Engine(tmp_path / "e", noise) as engine:
        pool = UpstreamPool(endpoint(engine.path))
        with pytest.raises(EngineFaulty):
            await pool.ask("/x", b"{}")
        pool.close()


async def test_silence_has_an_end(tmp_path):
    async def silent(_writer, _served):
        await asyncio.sleep(600)
        return False

    async with Engine(tmp_path / "e", silent) as engine:
        pool = UpstreamPool(endpoint(engine.path, silence_s=0.2))
        with pytest.raises(EngineSilent):
            await asyncio.wait_for(pool.ask("/x", b"{}"), 60)
        pool.close()


async def test_requests_beyond_the_width_wait_in_order(tmp_path):
    async def slow(writer, _served):
        await asyncio.sleep(0.01)
        writer.write(OK)
        return True

    async with Engine(tmp_path / "e", slow) as engine:
        pool = UpstreamPool(endpoint(engine.path, width=3))

        async def one():
            return await (await pool.ask("/x", b"{}")).whole()

        assert await asyncio.gather(*(one() for _ in range(40))) == [b"{}"] * 40
        assert engine.most_open <= 3
        pool.close()


async def test_a_waiter_that_gives_up_loses_nobody_a_place(tmp_path):
    async def slow(writer, _served):
        await asyncio.sleep(0.02)
        writer.write(OK)
        return True

    async with Engine(tmp_path / "e", slow) as engine:
        pool = UpstreamPool(endpoint(engine.path, width=1))

        async def one():
            return await (await pool.ask("/x", b"{}")).whole()

        tasks = [asyncio.create_task(one()) for _ in range(20)]
        await asyncio.sleep(0.03)
        for task in tasks[2:18:2]:
            task.cancel()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        assert done[-1] == b"{}"
        assert await asyncio.wait_for(one(), 60) == b"{}"
        pool.close()


async def test_when_connections_die_those_who_wait_go_on(tmp_path):
    async def dies(writer, _served):
        await asyncio.sleep(0.01)
        return False

    async with Engine(tmp_path / "e", dies) as engine:
        pool = UpstreamPool(endpoint(engine.path, width=2))
        asked = (pool.ask("/x", b"{}") for _ in range(10))
        done = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
        assert all(isinstance(one, EngineGone) for one in done)
        pool.close()


async def test_too_many_waiting_is_busy_and_closing_ends_all(tmp_path):
    async def silent(_writer, _served):
        await asyncio.sleep(600)
        return False

    async with Engine(tmp_path / "e", silent) as engine:
        pool = UpstreamPool(endpoint(engine.path, width=1, limit=3))
        tasks = [asyncio.create_task(pool.ask("/x", b"{}", who)) for who in "abc"]
        while pool.waiting < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        with pytest.raises(EngineBusy):
            await pool.ask("/x", b"{}")
        pool.close()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        assert all(isinstance(one, EngineGone) for one in done)


async def test_a_reader_that_is_slow_slows_the_engine(tmp_path):
    async def flood(writer, _served):
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(300):
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    async with Engine(tmp_path / "e", flood) as engine:
        pool = UpstreamPool(endpoint(engine.path))
        exchange = await pool.ask("/x", b"{}")
        await asyncio.sleep(0.3)
        assert exchange.buffered < 4_000_000
        total = 0
        while piece := await exchange.more():
            total += len(piece)
        assert total == 300 * 65_536
        pool.close()
