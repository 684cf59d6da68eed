"""Replicas: the least busy box first, the broken and the silent get nothing, old words are not believed."""

import pytest

from appliance.cluster.announcement import Share
from appliance.cluster.errors import AnnouncementRefused
from appliance.cluster.replicas import SILENT_S, ReplicaBook
from tests.appliance.access.doubles import HandClock
from tests.appliance.cluster.neighbours import M, offer, told

ONE, TWO = "10.20.0.1", "10.20.0.2"


@pytest.fixture
def clock() -> HandClock:
    return HandClock(100.0)


@pytest.fixture
def book(clock: HandClock) -> ReplicaBook:
    return ReplicaBook(clock)


def boxes(book: ReplicaBook, model: str = M, adapter: str | None = None) -> list[str]:
    return [one.address for one in book.fit(model, adapter)]


def test_the_smallest_share_of_slots_comes_first(book: ReplicaBook) -> None:
    book.hear(told(ONE, 1, offer(slots=8, load=4)))
    book.hear(told(TWO, 1, offer(slots=2, load=0)))
    assert boxes(book) == [TWO, ONE]
    book.take(TWO, M, 1)
    assert boxes(book) == [ONE, TWO]  # equal shares go by address
    book.take(TWO, M, 1)
    book.take(ONE, M, -5)
    assert [one.busy for one in book.fit(M, None)] == [0.5, 1.0]
    assert boxes(book, "another") == []
    assert boxes(book, M, "an-adapter") == []


def test_an_old_announcement_is_refused_and_changes_nothing(book: ReplicaBook) -> None:
    book.hear(told(ONE, 7, offer()))
    for seq in (7, 6, 1):
        with pytest.raises(AnnouncementRefused) as refusal:
            book.hear(told(ONE, seq))
        assert refusal.value.facts["reason"] == "replayed"
    assert boxes(book) == [ONE]
    book.hear(told(ONE, 8))
    assert (boxes(book), book.any()) == ([], False)


def test_one_that_fails_rests_longer_each_time_and_comes_back(book, clock: HandClock) -> None:
    book.hear(told(ONE, 1, offer()))
    rested = []
    for seq in range(2, 6):
        book.failed(ONE)
        began = clock.now
        while not boxes(book):
            clock.now += 0.5
            book.hear(told(ONE, seq * 1000 + int(2 * clock.now), offer()))
        rested.append(clock.now - began)
    assert rested == [1.0, 2.0, 5.0, 15.0]
    book.well(ONE)
    book.failed(ONE)
    clock.now += 1.0
    assert boxes(book) == [ONE]


def test_a_silent_box_gets_nothing_and_is_told_once(book, clock: HandClock) -> None:
    book.hear(told(ONE, 1, offer()))
    clock.now += SILENT_S
    assert boxes(book) == [ONE]
    assert book.silent() == ()
    clock.now += 0.1
    assert boxes(book) == []
    assert book.silent() == (ONE,)
    assert book.silent() == ()
    book.hear(told(ONE, 2, offer()))
    assert boxes(book) == [ONE]


def test_who_leaves_or_no_longer_serves_gets_nothing_new(book: ReplicaBook) -> None:
    book.hear(told(ONE, 1, offer(), offer(adapter="a")))
    book.elsewhere(ONE, M, None)
    assert boxes(book) == []
    assert boxes(book, M, "a") == [ONE]
    book.hear(told(ONE, 2, offer(), leaving=True))
    assert (boxes(book), book.any(), book.known(M, None)) == ([], False, True)
    assert [one.resting for one in book.all()] == [True]
    assert book.forget([TWO]) == (ONE,)
    assert book.peers() == ()


def test_a_shared_name_has_the_targets_of_who_shares_it(book: ReplicaBook) -> None:
    shares = (Share(M, None, 90), Share(M, "a", 10))
    book.hear(told(ONE, 1, offer(), ward=shares))
    assert book.targets("ward") == shares
    assert book.targets("other") == ()
    book.hear(told(ONE, 2, offer(), leaving=True, ward=shares))
    assert book.targets("ward") == ()


def test_what_can_be_asked_for_is_told_once_and_by_name(book, clock: HandClock) -> None:
    assert book.askable() == ()
    lora = offer("base", adapter="lora")
    ward, empty = (Share("base", "lora", 100),), (Share("base", None, 0), Share("gone", None, 100))
    book.hear(told(ONE, 1, offer(), offer("b"), lora, ward=ward, empty=empty))
    book.hear(told(TWO, 1, offer(), offer("c")))
    # An adapter is asked for by a name alone; a name whose targets nobody has is no name.
    assert book.askable() == ("b", "c", M, "ward")
    book.failed(ONE)
    assert book.askable() == ("c", M)
    clock.now += 2
    book.hear(told(ONE, 2, lora, ward=ward))
    assert book.askable() == ("c", M, "ward")
    book.hear(told(ONE, 3, lora, ward=ward, leaving=True))
    clock.now += SILENT_S + 1
    assert book.askable() == ()
