"""The cluster over REST: two boxes join over real HTTP, strangers and lesser keys do not."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time

import pytest
from aiohttp import web

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.cluster import line
from appliance.cluster.errors import HeadUnreachable, HeadUntrusted, TokenRefused
from appliance.cluster.line import ask_head
from appliance.cluster.peering import Peering
from appliance.cluster.store import Member
from appliance.contract.cluster import ClusterFound, ClusterInvitation, ClusterJoin, ClusterLeave
from tests.appliance.access.doubles import RememberingAudit
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.cluster.neighbours import M, offer, told
from tests.appliance.cluster.paper_ray import PaperRay


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[LiveBox, LiveBox]]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with live_box(tmp_path / "one") as one, live_box(tmp_path / "two") as two:
        for box in (one, two):
            box.services.cluster._ray = PaperRay()  # type: ignore[assignment]
        yield one, two


async def test_founding_inviting_joining_and_leaving_over_rest(pair) -> None:
    one, two = pair

    async def carry(address: str, _: int, sealed: bytes) -> bytes:
        assert address == "10.20.0.1"
        body = {"message": b64encode(sealed).decode()}
        async with one.http.post(f"{one.url}/api/v1/cluster/join", json=body) as answer:
            assert answer.status == 200
            return b64decode((await answer.json())["message"])

    two.services.cluster._ask = carry
    first = Session.remote(one.url, None, one.key)
    second = Session.remote(two.url, None, two.key)
    async with first, second:
        found = await first.cluster.found(ClusterFound(address="10.20.0.1"))
        assert (found.role, found.head) == ("head", "10.20.0.1:6400")
        token = (await first.cluster.invite(ClusterInvitation())).token
        wish = ClusterJoin(token=token, head="10.20.0.1", address="10.20.0.2")
        joined = await second.cluster.join(wish)
        assert (joined.role, joined.authority) == ("member", found.authority)
        assert [box.address for box in (await first.cluster.state()).boxes] == [
            "10.20.0.1",
            "10.20.0.2",
        ]
        with pytest.raises(ProblemError) as refused:
            await first.cluster.leave(ClusterLeave(drain_s=0))
        assert refused.value.code == "cluster.has-members"
        assert (await second.cluster.leave(ClusterLeave(drain_s=0))).idle
        await first.cluster.forget("10.20.0.2")
        await first.cluster.leave(ClusterLeave(drain_s=0))
        assert (await first.cluster.state()).role == "none"


async def test_the_neighbours_are_told_without_asking_anybody(pair) -> None:
    one, _ = pair
    async with Session.remote(one.url, None, one.key) as first:
        outside = await first.cluster.neighbours()
        assert (outside.address, outside.door, outside.boxes) == ("", False, ())
        cluster = one.services.cluster
        cluster.accompany(Peering(cluster._store, RememberingAudit(), monotonic, time))
        await first.cluster.found(ClusterFound(address="10.20.0.1"))
        cluster._store.add_member(Member("10.20.0.2", "ward-2", 1.0, 50.0))
        cluster._ray = None  # whoever asked it now would fail
        seen = await first.cluster.neighbours()
        assert seen.address == "10.20.0.1"
        [box] = seen.boxes
        assert (box.name, box.state, box.heard_s, box.replicas) == ("ward-2", "lost", None, ())
        assert box.lost == datetime.fromtimestamp(50, UTC)
        cluster.peering.hearing.refresh()
        cluster.peering.hearing.book.hear(told("10.20.0.2", 1, offer(slots=8, load=3)))
        [box] = (await first.cluster.neighbours()).boxes
        cluster._ray = PaperRay()
        assert (box.state, [(one.model, one.busy, one.slots) for one in box.replicas]) == (
            "alive",
            [(M, 3, 8)],
        )


async def test_what_is_no_message_is_refused(pair) -> None:
    one, _ = pair
    await one.services.cluster.found("10.20.0.1", "user:li")
    head = {"Content-Type": "application/json"}
    for message in ("", "AAAA", "A", "AA=A", "=" * 9, "A" * 70_000, "\x00", None, 7):
        body = json.dumps({"message": message})
        url = f"{one.url}/api/v1/cluster/join"
        async with one.http.post(url, data=body, headers=head) as answer:
            code = (await answer.json())["code"]
            assert answer.status in {403, 422}
            assert code in {"cluster.token-refused", "request.field-refused"}


async def test_a_key_without_the_scope_founds_nothing(pair) -> None:
    one, _ = pair
    async with one.http.post(
        f"{one.url}/api/v1/cluster/found",
        json={"address": "10.20.0.1"},
        headers=one.make_key("chat"),
    ) as answer:
        assert answer.status == 403


async def head_that_says(status: int, raw: bytes) -> tuple[web.AppRunner, int]:
    async def say(_: web.Request) -> web.Response:
        return web.Response(status=status, body=raw)

    app = web.Application()
    app.router.add_post("/api/v1/cluster/join", say)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


@pytest.mark.parametrize(
    ("status", "raw", "kind"),
    [
        (200, b"{}", HeadUntrusted),
        (200, b"[" * 50_000, HeadUntrusted),
        (200, b"x" * 200_000, HeadUntrusted),
        (200, b'{"message": "%"}', HeadUntrusted),
        (302, b"", HeadUntrusted),
        (403, b"{}", TokenRefused),
        (503, b"{}", HeadUnreachable),
    ],
)
async def test_a_head_that_talks_nonsense(monkeypatch, status, raw, kind) -> None:
    runner, port = await head_that_says(status, raw)

    monkeypatch.setattr(line, "SCHEME", "http")
    try:
        with pytest.raises(kind):
            await ask_head("127.0.0.1", port, b"sealed")
    finally:
        await runner.cleanup()


async def test_a_head_that_is_not_there_is_told() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(HeadUnreachable):
        await ask_head("127.0.0.1", port, b"sealed")
    server.close()
    with pytest.raises(HeadUnreachable):
        await ask_head("127.0.0.1", port, b"sealed")
