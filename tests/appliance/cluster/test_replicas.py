"""Replicas: the least burdened answers, the broken rest, strangers are not heard over mTLS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.cluster.errors import ReplicasGone
from appliance.cluster.replicas import (
    REST_S,
    Replica,
    ReplicaBook,
    choose,
    peer_client_context,
    peer_server_context,
)
from secure_compute.certificates import Credential, make_authority
from secure_compute.peers import issue_peer, request_peer
from tests.appliance.access.doubles import HandClock

M = "qwen3-32b"


def test_the_smallest_share_of_capacity_is_chosen() -> None:
    big = Replica("10.0.0.2", M, "u", capacity=32, outstanding=8)
    small = Replica("10.0.0.1", M, "u", capacity=4, outstanding=2)
    full = Replica("10.0.0.3", M, "u", capacity=1, outstanding=1)
    resting = Replica("10.0.0.4", M, "u", rests_until=5.0)
    all_ = [small, big, full, resting]
    assert choose(all_, 1.0, frozenset()) == big
    assert choose(all_, 1.0, frozenset({big.box})) == small
    assert choose(all_, 6.0, frozenset()) == resting
    assert choose([full], 1.0, frozenset()) is None


async def test_requests_are_spread_and_given_back(clock: HandClock) -> None:
    book = ReplicaBook(clock)
    for box in ("10.0.0.1", "10.0.0.2"):
        book.declare(box, {M: f"http://{box}"}, capacity=2)
    async with AsyncExitStack() as held:
        boxes = [(await held.enter_async_context(book.borrow(M))).box for _ in range(4)]
        assert sorted(boxes) == ["10.0.0.1"] * 2 + ["10.0.0.2"] * 2
        with pytest.raises(ReplicasGone):
            async with book.borrow(M):
                pass
    assert [one.outstanding for one in book.replicas(M)] == [0, 0]
    book.withdraw("10.0.0.1")
    assert [one.box for one in book.replicas(M)] == ["10.0.0.2"]


async def test_one_that_breaks_rests_and_the_request_goes_on(clock: HandClock) -> None:
    book = ReplicaBook(clock)
    for box in ("10.0.0.1", "10.0.0.2"):
        book.declare(box, {M: f"http://{box}"})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with book.borrow(M) as first:
            raise aiohttp.ServerDisconnectedError
    async with book.borrow(M, frozenset({first.box})) as second:
        assert second.box != first.box
    async with book.borrow(M) as third:
        assert third.box == second.box
    clock.now += REST_S
    async with book.borrow(M) as fourth:
        assert fourth.box == first.box


async def test_a_refusal_by_the_model_is_no_fault_of_the_box(clock: HandClock) -> None:
    book = ReplicaBook(clock)
    book.declare("10.0.0.1", {M: "http://10.0.0.1"})
    with pytest.raises(ValueError, match="no"):
        async with book.borrow(M):
            raise ValueError("no")
    async with book.borrow(M) as again:
        assert again.box == "10.0.0.1"


@pytest.fixture
def clock() -> HandClock:
    return HandClock(0.0)


class Door:
    """A peer's door on loopback that is well or not."""

    def __init__(self, folder: Path, authority: Credential, address: str, now: datetime) -> None:
        self.well, self.address = True, address
        self.secrets = folder / address
        self.secrets.mkdir()
        own = request_peer(address)
        certificate = issue_peer(authority, address, own.certificate_pem, now)
        for name, content in (
            ("ca.pem", authority.certificate_pem),
            ("cert.pem", certificate),
            ("key.pem", own.key_pem),
        ):
            (self.secrets / name).write_bytes(content)

    async def open(self, undo: AsyncExitStack) -> str:
        app = web.Application()
        app.router.add_get("/health", self._health)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        undo.push_async_callback(runner.cleanup)
        context = peer_server_context(self.secrets)
        site = web.TCPSite(runner, self.address, 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        return f"https://{self.address}:{port}"

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.well else 503)


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[tuple[Door, Door, str, str]]:
    now = datetime.now(UTC)
    authority = make_authority("cluster", now)
    async with AsyncExitStack() as undo:
        one, two = (Door(tmp_path, authority, at, now) for at in ("127.0.0.2", "127.0.0.3"))
        yield one, two, await one.open(undo), await two.open(undo)


async def test_checks_over_mtls_put_boxes_to_rest_and_back(doors, clock: HandClock) -> None:
    one, two, url_one, url_two = doors
    async with ReplicaBook(clock, peer_client_context(one.secrets)) as book:
        book.declare(one.address, {M: url_one})
        book.declare(two.address, {M: url_two})
        two.well = False
        await book.check()
        assert [one.rests_until > 0 for one in book.replicas(M)] == [False, True]
        two.well = True
        await book.check()
        assert [one.rests_until for one in book.replicas(M)] == [0.0, 0.0]
        book.declare(two.address, {M: "https://127.0.0.3:1"})
        await book.check()
        assert book.replicas(M)[1].rests_until > 0


async def test_strangers_are_not_heard(doors, tmp_path: Path, clock: HandClock) -> None:
    one, _, url, _ = doors
    other = Door(
        tmp_path, make_authority("other", datetime.now(UTC)), "127.0.0.9", datetime.now(UTC)
    )
    bare = ssl.create_default_context(cafile=str(one.secrets / "ca.pem"))
    for context in (peer_client_context(other.secrets), bare):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"{url}/health")
    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.ClientSession() as session:
            await session.get(url.replace("https", "http") + "/health")
