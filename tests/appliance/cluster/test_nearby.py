"""The other boxes as they stand: heard, leaving, silent, lost, and what each offers."""

from dataclasses import replace

import pytest

from appliance.cluster.nearby import nearby
from appliance.cluster.replicas import SILENT_S, ReplicaBook
from appliance.cluster.store import Member, Membership
from secure_compute.certificates import Credential
from tests.appliance.access.doubles import HandClock
from tests.appliance.cluster.neighbours import M, offer, told

OWN, TWO, THREE = "10.20.0.1", "10.20.0.2", "10.20.0.3"
NOBODY = Credential(b"", b"")
HEAD = Membership(OWN, None, 6400, "t" * 64, NOBODY, NOBODY)
MEMBERS = (
    Member(OWN, "ward-1", 1.0, None),
    Member(TWO, "ward-2", 1.0, None),
    Member(THREE, "ward-3", 1.0, None),
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(100.0)


@pytest.fixture
def book(clock: HandClock) -> ReplicaBook:
    return ReplicaBook(clock)


def test_whoever_is_heard_is_alive_with_what_it_offers(book: ReplicaBook, clock: HandClock) -> None:
    book.hear(told(TWO, 1, offer(load=3), offer("other")))
    clock.now += 1.5
    two, three = nearby(HEAD, MEMBERS, book)
    assert (two.address, two.name, two.state, two.heard_s) == (TWO, "ward-2", "alive", 1.5)
    assert [one.offer.model for one in two.replicas] == ["other", M]
    assert (three.state, three.heard_s, three.replicas) == ("silent", None, ())
    book.hear(told(TWO, 2, offer(), leaving=True))
    assert nearby(HEAD, MEMBERS, book)[0].state == "leaving"


def test_whoever_falls_silent_is_lost_once_that_is_on_record(
    book: ReplicaBook, clock: HandClock
) -> None:
    book.hear(told(TWO, 1, offer()))
    clock.now += SILENT_S
    assert nearby(HEAD, MEMBERS, book)[0].state == "silent"
    lost = (MEMBERS[0], replace(MEMBERS[1], lost=50.0), MEMBERS[2])
    two = nearby(HEAD, lost, book)[0]
    assert (two.state, two.lost, two.heard_s) == ("lost", 50.0, SILENT_S)
    # It speaks again before the record says so: it is heard, and both are told.
    book.hear(told(TWO, 2, offer()))
    two = nearby(HEAD, lost, book)[0]
    assert (two.state, two.lost) == ("alive", 50.0)


def test_a_member_knows_the_first_box_before_it_is_told_of_anybody(book: ReplicaBook) -> None:
    member = replace(HEAD, address=TWO, head=f"{OWN}:6400")
    assert [(one.address, one.name) for one in nearby(member, (), book)] == [(OWN, "")]
    assert nearby(None, MEMBERS, book) == ()
