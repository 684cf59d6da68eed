"""Neighbours over real mutual TLS: heard when they are members and sign, and never for the second time."""

import asyncio
import ssl
from base64 import b64encode
from contextlib import AsyncExitStack
from io import BytesIO

import aiohttp
import msgspec
import pytest

from appliance.cluster import peering, replicas
from appliance.cluster.announcement import Announcement, Signed, to_sign
from appliance.cluster.door import ANNOUNCE, MODEL, SIGNATURE, Visit
from appliance.cluster.errors import AnnouncementRefused, AnnouncementStale, NotMember, PeerRefused
from appliance.cluster.peering import _contexts
from secure_compute.certificates import Credential
from secure_compute.peers import peer_address, sign_as_peer
from tests.appliance.cluster.neighbours import (
    HEAD,
    MEMBER,
    Beside,
    M,
    authority,
    beside,
    certified,
    offer,
)
from tests.appliance.serving.fakes import until

THIRD = "127.0.0.4"


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(peering, "ANNOUNCE_S", 0.02)


@pytest.fixture
async def pair(tmp_path):
    async with beside(tmp_path) as (one, two):
        yield one, two


async def start(*boxes: Beside) -> None:
    for box in boxes:
        await box.peering.start(box.membership)
        await until(lambda box=box: box.peering.listening)


def der(own: Credential) -> bytes:
    return ssl.PEM_cert_to_DER_cert(own.certificate_pem.decode())


def words(one: Beside, hearer: Beside, seq: int, **more) -> bytes:
    said = {
        "sender": one.address,
        "port": 1234,
        "to": hearer.peering.epoch(),
        "seq": seq,
        "leaving": False,
        "offers": (offer(),),
    }
    return msgspec.json.encode(Announcement(**{**said, **more}))


def signed(one: Beside, body: bytes) -> Signed:
    return Signed(body, b64encode(sign_as_peer(one.membership.own, to_sign(body))).decode())


async def test_what_is_shared_and_loaded_is_known_next_door(pair) -> None:
    one, two = pair
    two.lender.offered = (offer(), offer("private"))
    await start(one, two)
    await two.peering.share(M, "user:it")
    await until(lambda: one.offers(M) == [MEMBER])
    assert one.watcher.anybody
    assert one.offers("private") == []
    assert two.audit.tags() == ["cluster:model:share"]
    assert two.offers(M) == []
    # The first box says who belongs to them, and where their doors are.
    await until(lambda: [box.address for box in two.store.members()] == [HEAD, MEMBER])
    await two.peering.withhold(M, "user:it")
    await until(lambda: not one.watcher.anybody)
    assert two.peering.shared() == ()


async def test_three_boxes_know_each_other_through_the_first(tmp_path) -> None:
    async with beside(tmp_path, (HEAD, MEMBER, THIRD)) as (one, two, three):
        for box in (two, three):
            box.lender.offered = (offer(),)
        await start(one, two, three)
        for box in (two, three):
            await box.peering.share(M, "user:it")
        await until(lambda: one.offers(M) == [MEMBER, THIRD])
        await until(lambda: (two.offers(M), three.offers(M)) == ([THIRD], [MEMBER]))
        # The first box goes; the others still have each other, even after starting anew.
        await one.peering.stop()
        await start(three)
        await until(lambda: (two.offers(M), three.offers(M)) == ([THIRD], [MEMBER]))


async def test_unsigned_foreign_and_replayed_announcements_are_refused(pair) -> None:
    one, two = pair
    one.peering.hearing.begin(one.membership)
    hear, own = one.peering.hear, der(two.membership.own)
    body = words(two, one, 5)
    good = signed(two, body)
    hear(good, MEMBER, own)
    assert one.offers(M) == [MEMBER]
    forged = signed(one, body)
    stranger = signed(two, words(two, one, 9, sender=THIRD))
    bad = {
        "replayed": [good, signed(two, words(two, one, 4))],
        "unsigned": [
            Signed(body, ""),
            Signed(body, "%%%"),
            forged,
            Signed(words(two, one, 9), good.signature),
        ],
        "foreign": [stranger],
        "malformed": [
            signed(two, raw)
            for raw in (b"", b"{}", b"[" * 100_000, b"\xff", words(two, one, 9)[:-1], b"7" * 5000)
        ],
    }
    for reason, messages in bad.items():
        for message in messages:
            with pytest.raises(AnnouncementRefused) as told:
                hear(message, MEMBER, own)
            assert told.value.facts["reason"] == reason
            assert MEMBER in told.value.sentence
    await until(lambda: len(one.audit.events) == len(bad))
    assert {event.details["reason"] for event in one.audit.events} == set(bad)
    # What was said before the door opened anew counts for nothing, however genuine it is.
    one.peering.hearing.begin(one.membership)
    with pytest.raises(AnnouncementStale):
        hear(signed(two, words(two, one, 99, to="e")), MEMBER, own)


async def test_only_members_are_heard_and_only_the_first_says_who_they_are(pair) -> None:
    one, two = pair
    for box in pair:
        box.peering.hearing.begin(box.membership)
    third = certified(one.membership.authority, THIRD)
    body = words(two, one, 5, sender=THIRD)
    message = Signed(body, b64encode(sign_as_peer(third, to_sign(body))).decode())
    with pytest.raises(AnnouncementRefused) as told:
        one.peering.hear(message, THIRD, der(third))
    assert told.value.facts["reason"] == "stranger"
    # A member cannot bring a friend; the first box can strike a member.
    friends = {HEAD: {"name": "one", "port": 1}, THIRD: {"name": "x", "port": 1}}
    one.peering.hear(
        signed(two, words(two, one, 6, members=friends)), MEMBER, der(two.membership.own)
    )
    assert not one.peering.hearing.admits(THIRD)
    two.peering.hear(
        signed(one, words(one, two, 6, members=friends)), HEAD, der(one.membership.own)
    )
    assert two.peering.hearing.admits(THIRD)
    one.store.forget(MEMBER)
    one.peering.hearing.refresh()
    assert one.watcher.gone == [MEMBER]
    with pytest.raises(AnnouncementRefused):
        one.peering.hear(signed(two, words(two, one, 7)), MEMBER, der(two.membership.own))


async def test_strangers_do_not_get_past_the_handshake(pair) -> None:
    one, two = pair
    await start(one)
    url = f"https://{one.address}:{one.door[1]}{ANNOUNCE}"
    elsewhere = authority()
    foreign = type(two.membership)(MEMBER, None, 1, "t", elsewhere, certified(elsewhere, MEMBER))
    client, _ = _contexts(foreign)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    for context in (client, bare):
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, force_close=True)
        ) as session:
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await session.post(url, data=b"{}")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url.replace("https", "http"), data=b"{}")
    # Nobody but the interconnect address has the door.
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", one.door[1])


async def test_the_door_refuses_what_is_not_signed_for_it(pair) -> None:
    one, two = pair
    await start(one)
    client, _ = _contexts(two.membership)
    url = f"https://{one.address}:{one.door[1]}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client)) as session:

        async def post(path: str, body: bytes, head: dict[str, str]) -> int:
            async with session.post(url + path, data=BytesIO(body), headers=head) as answer:
                return answer.status

        body = words(two, one, 3)
        good = {SIGNATURE: signed(two, body).signature}
        assert await post(ANNOUNCE, body, {}) == 403
        assert await post(ANNOUNCE, body, good) == 200
        assert await post(ANNOUNCE, body, good) == 403
        stale = words(two, one, 4, to="old")
        assert await post(ANNOUNCE, stale, {SIGNATURE: signed(two, stale).signature}) == 409
        huge = b"[" * (2 << 20)
        assert await post(ANNOUNCE, huge, {SIGNATURE: signed(two, huge).signature}) == 403
        for model in (M, "", "x" * 3000):
            assert await post("/v1/chat/completions", b"{}", {MODEL: model}) == 421
        async with session.get(url + "/v1/models") as answer:
            assert answer.status == 405


async def test_a_visit_needs_a_shared_model_and_a_box_that_stays(pair) -> None:
    one, two = pair
    one.peering.hearing.begin(one.membership)
    visits = {MEMBER: "not-shared", THIRD: "stranger"}
    for peer in visits:
        with pytest.raises(PeerRefused):
            async with one.peering.visit(Visit(peer, "/v1/completions", M, None, "", b"{}")):
                pass
    await until(lambda: len(one.audit.events) == len(visits))
    assert {e.subject: e.details["reason"] for e in one.audit.events} == visits
    with pytest.raises(NotMember):
        await two.peering.share(M, "user:it")


async def test_a_leaving_box_says_so_at_once_and_waits_for_its_guests(pair) -> None:
    one, two = pair
    two.lender.offered, two.lender.running = (offer(),), 1
    await start(one, two)
    await two.peering.share(M, "user:it")
    await until(lambda: one.offers(M) == [MEMBER])
    leaving = asyncio.create_task(two.peering.leave(20))
    await until(lambda: one.offers(M) == [])
    assert not leaving.done()
    two.lender.running = 0
    assert await leaving
    two.lender.running = 1
    assert not await two.peering.leave(0.01)


async def test_a_box_that_vanishes_is_lost_and_found(pair, monkeypatch) -> None:
    monkeypatch.setattr(replicas, "SILENT_S", 0.5)
    one, two = pair
    two.lender.offered = (offer(),)
    await start(one, two)
    await two.peering.share(M, "user:it")
    await until(lambda: one.offers(M) == [MEMBER])
    await two.peering.stop()
    await until(lambda: one.watcher.gone == [MEMBER])
    assert not one.watcher.anybody
    await start(two)
    await until(lambda: one.offers(M) == [MEMBER])


async def test_a_taken_port_is_tried_again(pair) -> None:
    one, _ = pair
    taken = await asyncio.start_server(lambda _r, w: w.close(), *one.door)
    await one.peering.start(one.membership)
    await asyncio.sleep(0.1)
    assert not one.peering.listening
    taken.close()
    await taken.wait_closed()
    await until(lambda: one.peering.listening)


async def test_a_certificate_names_one_address(pair) -> None:
    one, _ = pair
    assert peer_address(der(one.membership.own)) == HEAD
    async with AsyncExitStack():
        with pytest.raises(Exception, match="no address"):
            peer_address(der(one.membership.authority))
