"""Joining without Ray: tokens that work once, answers that must be genuine, addresses, what is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.cluster.errors import (
    AddressRefused,
    AlreadyMember,
    BoxesTooFew,
    HeadHasMembers,
    HeadUntrusted,
    NotHead,
    NotMember,
    RaySilent,
    TokenMalformed,
    TokenRefused,
)
from appliance.cluster.service import ClusterService
from appliance.cluster.token import Answer, JoinToken, interconnect, seal_answer, sealed_for
from appliance.errors import AuditUnavailable
from models.cluster import NodeState
from secure_compute.certificates import fingerprint, make_authority
from secure_compute.errors import CertificateRefused
from secure_compute.peers import belongs, issue_peer, request_peer
from tests.appliance.access.doubles import HandClock
from tests.appliance.cluster.paper_ray import HEAD, MEMBER, Box, close, joined


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def pair(tmp_path: Path, clock: HandClock) -> Iterator[tuple[Box, Box]]:
    one = Box(tmp_path, "one", clock)
    two = Box(tmp_path, "two", clock, one.service.admit)
    yield one, two
    one.db.close()
    two.db.close()


async def test_a_box_joins_by_a_token_that_works_once(pair: tuple[Box, Box]) -> None:
    one, two = pair
    token = await joined(one, two)
    mine, head = two.store.membership(), one.store.membership()
    assert mine is not None
    assert head is not None
    assert mine.ray_token == head.ray_token
    assert mine.authority.certificate_pem == head.authority.certificate_pem
    assert mine.authority.key_pem == b""
    assert mine.own.key_pem != head.own.key_pem
    assert mine.head == f"{HEAD}:6400"
    assert [box.address for box in one.store.members()] == [HEAD, MEMBER]
    assert one.audit.tags() == [
        "cluster:member:found",
        "cluster:member:invite",
        "cluster:member:admit",
    ]
    two.store.leave()
    with pytest.raises(TokenRefused):
        await two.service.join(token, (HEAD, 8443), MEMBER, "user:wang")
    told = repr(one.audit.events) + repr(two.audit.events) + repr(mine)
    assert mine.ray_token not in told
    assert "PRIVATE" not in told
    await close(one, two)


async def test_an_old_token_and_a_foreign_one_are_refused_alike(
    pair: tuple[Box, Box], clock: HandClock
) -> None:
    one, two = pair
    await one.service.found(HEAD, "user:li")
    token = await one.service.invite(1, "user:li")
    foreign = JoinToken.fresh("AB" * 32).text()
    clock.now += 61
    for shown in (token, foreign):
        with pytest.raises(TokenRefused):
            await two.service.join(shown, (HEAD, 8443), MEMBER, "user:wang")
    assert two.store.membership() is None
    await close(one, two)


async def test_a_message_that_was_altered_lets_nobody_in(pair: tuple[Box, Box]) -> None:
    one, two = pair
    await one.service.found(HEAD, "user:li")
    token = await one.service.invite(30, "user:li")
    good = two.ask

    async def altered(sealed: bytes) -> bytes:
        for at in (0, 8, len(sealed) // 2, len(sealed) - 1):
            with pytest.raises(TokenRefused):
                await good(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises(TokenRefused):
            await good(b"")
        return await good(sealed)

    two.ask = altered
    await two.service.join(token, (HEAD, 8443), MEMBER, "user:wang")
    await close(one, two)


async def test_only_the_cluster_of_the_token_is_believed(pair: tuple[Box, Box], clock) -> None:
    one, two = pair
    await one.service.found(HEAD, "user:li")
    shown = JoinToken.parse(await one.service.invite(30, "user:li"))
    from datetime import UTC, datetime

    now = datetime.fromtimestamp(clock(), UTC)
    other = make_authority("somebody else", now)
    request = request_peer(MEMBER)
    certificate = issue_peer(other, MEMBER, request.certificate_pem, now)
    answer = Answer(
        authority=other.certificate_pem.decode(),
        certificate=certificate.decode(),
        ray_token="f" * 64,
        head="10.20.0.9:6400",
    )

    async def impostor(_: bytes) -> bytes:
        return seal_answer(shown.id, shown.secret, answer)

    async def babble(sealed: bytes) -> bytes:
        return sealed

    for stranger in (impostor, babble):
        two.ask = stranger
        with pytest.raises(HeadUntrusted):
            await two.service.join(shown.text(), (HEAD, 8443), MEMBER, "user:wang")
    assert two.store.membership() is None
    assert two.ray.started == []
    await close(one, two)


async def test_two_boxes_race_for_one_token(pair: tuple[Box, Box]) -> None:
    one, two = pair
    await one.service.found(HEAD, "user:li")
    token = await one.service.invite(30, "user:li")
    sealed: list[bytes] = []

    async def hold(message: bytes) -> bytes:
        sealed.append(message)
        raise TokenRefused

    two.ask = hold
    with pytest.raises(TokenRefused):
        await two.service.join(token, (HEAD, 8443), MEMBER, "user:wang")
    done = await asyncio.gather(
        *(one.service.admit(sealed[0]) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["TokenRefused"] * 3 + ["bytes"]
    await close(one, two)


async def test_without_a_record_nothing_happens(pair: tuple[Box, Box]) -> None:
    one, _ = pair
    one.audit.broken = True
    with pytest.raises(AuditUnavailable):
        await one.service.found(HEAD, "user:li")
    assert one.store.membership() is None
    assert one.ray.started == []


async def test_a_member_that_vanishes_comes_back_and_leaves_is_told(
    pair: tuple[Box, Box],
) -> None:
    one, two = pair
    await joined(one, two)

    def says(*, alive: bool, left: bool = False) -> None:
        own = NodeState("a", HEAD, True, False, (4.0, 4.0), (0.0, 0.0))
        other = NodeState("b", MEMBER, alive, left, (4.0, 2.0), (1.0, 0.0))
        one.ray.said = (own, other)

    says(alive=True)
    assert [box.state for box in (await one.service.state()).boxes] == ["alive", "alive"]
    says(alive=False)
    assert [box.state for box in (await one.service.state()).boxes] == ["alive", "lost"]
    await one.service.state()
    says(alive=True)
    assert [box.state for box in (await one.service.state()).boxes] == ["alive", "alive"]
    says(alive=False, left=True)
    assert [box.address for box in (await one.service.state()).boxes] == [HEAD]
    told = [tag.rpartition(":")[2] for tag in one.audit.tags()]
    assert told[3:] == ["lose", "return", "leave"]
    await close(one, two)


async def test_the_first_box_is_the_last_to_leave(pair: tuple[Box, Box]) -> None:
    one, two = pair
    await joined(one, two)
    with pytest.raises(HeadHasMembers):
        await one.service.leave("user:li", 1)
    with pytest.raises(NotHead):
        await two.service.invite(5, "user:wang")
    assert await two.service.leave("user:wang", 1)
    assert (await two.service.state()).role == "none"
    await one.service.forget(MEMBER, "user:li")
    await one.service.leave("user:li", 1)
    with pytest.raises(NotMember):
        await one.service.leave("user:li", 1)
    await close(one, two)


async def test_a_restarted_box_is_still_a_member(pair: tuple[Box, Box], clock: HandClock) -> None:
    one, two = pair
    await joined(one, two)
    await two.service.close()
    again = ClusterService(two.store, two.audit, two.ray, "two", clock)  # type: ignore[arg-type]
    await again.start()
    assert two.ray.started[-1] == two.store.membership()
    with pytest.raises(AlreadyMember):
        await again.found(MEMBER, "user:wang")
    await again.close()
    await close(one)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "8.8.8.8", "box.local", "", "10.0.0.1/8", "::", "224.0.0.1", "10.0.0.1\n"],  # noqa: S104  # refused, not bound
)
def test_addresses_that_are_no_interconnect_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        interconnect(address)


@pytest.mark.parametrize("text", ["", "wbj1", "wbj1-" + "0" * 200, "x" * 100_000, "wbj2-0-0-0"])
def test_what_is_no_token_is_told(text: str) -> None:
    with pytest.raises(TokenMalformed):
        JoinToken.parse(text)


@pytest.mark.parametrize("sealed", [b"", b"x", b"\x00" * 40_000])
def test_what_is_no_message_is_refused(sealed: bytes) -> None:
    with pytest.raises(TokenRefused):
        sealed_for(sealed)


def test_a_peer_certificate_names_what_the_authority_was_told(clock: HandClock) -> None:
    from datetime import UTC, datetime

    from cryptography import x509

    now = datetime.fromtimestamp(clock(), UTC)
    authority, request = make_authority("c", now), request_peer("10.9.9.9")
    pem = issue_peer(authority, MEMBER, request.certificate_pem, now)
    assert belongs(pem, request.key_pem)
    assert not belongs(pem, request_peer(MEMBER).key_pem)
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == [MEMBER]
    assert fingerprint(authority.certificate_pem).count(":") == 31
    with pytest.raises(CertificateRefused):
        issue_peer(authority, "box.local", request.certificate_pem, now)
    with pytest.raises(CertificateRefused):
        issue_peer(authority, MEMBER, b"-----BEGIN", now)


async def test_work_on_several_boxes_needs_so_many_of_them(pair: tuple[Box, Box]) -> None:
    one, two = pair
    for boxes in (1, 2):
        with pytest.raises(NotMember):
            one.service.env(boxes)
    await one.service.found(HEAD, "user:li")
    with pytest.raises(BoxesTooFew) as refused:
        one.service.env(2)
    assert "2 boxes are asked for; the cluster has 1" in refused.value.sentence
    token = await one.service.invite(30, "user:li")
    await two.service.join(token, (HEAD, 8443), MEMBER, "user:wang")
    # The second one was told of nobody yet, and knows whom it joined.
    assert two.store.members() == ()
    for box in pair:
        with pytest.raises(BoxesTooFew):
            box.service.env(3)
        with pytest.raises(RaySilent):
            box.service.env(2)
    await close(one, two)
