"""Who waits, and whose turn is next: bounded, in order, fair by tokens, starving nobody."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance.serving.errors import EngineBusy, ShareFull
from appliance.serving.fair_line import (
    LEAST_COST,
    MOST_COST,
    PATIENCE,
    FairLine,
    cost_of,
)

ASKERS = ("a", "b", "c", "d", "e")
COSTS = st.floats(min_value=0, max_value=2 * MOST_COST)


def turns(line: FairLine) -> list[str]:
    """Whose turns come until nobody waits."""
    order = []
    while ticket := line.next(0.0):
        order.append(ticket.lane.asker)
    return order


def test_equal_askers_take_turns_however_they_came():
    line = FairLine(100)
    for asker in "aaaaaabbbccc":
        line.join(asker, 100)
    assert turns(line) == list("abcabcabcaaa")


def test_who_comes_to_a_flood_is_next():
    line = FairLine(100)
    for _ in range(50):
        line.join("flood", 100)
    for _ in range(10):
        line.next(0.0)
    line.join("quiet", 100)
    line.join("quiet", 100)
    assert turns(line)[:4] == ["quiet", "flood", "quiet", "flood"]


def test_turns_are_shared_by_tokens():
    line = FairLine(200)
    for _ in range(40):
        line.join("long", 1000)
        line.join("short", 250)
    first = turns(line)[:50]
    assert first.count("short") == 40
    assert first.count("long") == 10


def test_what_nobody_waits_for_comes_late_but_comes():
    line = FairLine(400)
    for _ in range(150):
        line.join("a", 100)
    for _ in range(5):
        line.join("a", 100, patient=True)
    order = turns(line)
    patient = [place for place, one in enumerate(order) if one == "a patient"]
    assert len(patient) == 5
    assert patient[-1] <= 5 * (PATIENCE + 1)


def test_alone_one_fills_half_and_who_comes_later_finds_room():
    line = FairLine(100)
    for _ in range(50):
        line.join("flood", 100)
    with pytest.raises(ShareFull) as told:
        line.join("flood", 100)
    assert told.value.facts["retry_after_s"] >= 1
    assert dict(told.value.facts["limits"]) == {
        b"x-ratelimit-limit-waiting": b"50",
        b"x-ratelimit-remaining-waiting": b"0",
        b"x-ratelimit-reset-waiting": b"%ds" % told.value.facts["retry_after_s"],
    }
    for _ in range(25):
        line.join("other", 100)
    with pytest.raises(ShareFull):
        line.join("other", 100)
    for number in range(25):
        line.join(f"small {number}", 100)
    with pytest.raises(EngineBusy):
        line.join("one too many", 100)
    assert line.waiting == 100


def test_bodies_that_wait_are_bounded_in_bytes_in_the_same_way():
    line = FairLine(100, most_bytes=1000)
    for _ in range(5):
        line.join("flood", 100, 100)
    with pytest.raises(ShareFull):
        line.join("flood", 100, 100)
    first = line.join("quiet", 100, 400)
    with pytest.raises(ShareFull):
        line.join("quiet", 100, 1)
    with pytest.raises(EngineBusy):
        line.join("third", 100, 101)
    line.leave(first)
    assert line.size == 500
    line.join("third", 100, 101)
    turns(line)
    assert (line.size, line.waiting) == (0, 0)


def test_who_leaves_is_out_and_makes_room_at_once():
    line = FairLine(10)
    tickets = [line.join("a", 100) for _ in range(5)]
    with pytest.raises(ShareFull):
        line.join("a", 100)
    assert line.leave(tickets[2])
    assert not line.leave(tickets[2])
    assert line.waiting == 4
    line.join("a", 100)
    assert line.next(0.0) is tickets[0]
    assert not line.leave(tickets[0])


def test_the_time_to_come_again_follows_the_engine():
    line = FairLine(64)
    for _ in range(32):
        line.join("a", 100)
    for turn in range(30):
        line.next(turn * 10.0)
        line.join("a", 100)
    with pytest.raises(ShareFull) as told:
        line.join("a", 100)
    assert 9 <= told.value.facts["retry_after_s"] <= 10


def test_what_is_remembered_of_askers_is_bounded():
    line = FairLine(8)
    for number in range(1000):
        line.join(f"asker {number}", 5000)
        line.join("a", 1)
        line.next(0.0)
        line.next(0.0)
    assert len(line._resting) <= 8


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        (b'{"max_tokens":100}', 18 / 4 + 100),
        (b'{"max_completion_tokens":7}', 27 / 4 + 7),
        (b'{"n_predict":-1}', 16 / 4),
        (b'{"max_tokens":null,"messages":[]}', 33 / 4 + 512),
        (b'{"max_tokens":"many"}', 21 / 4 + 512),
        (b"no json", 7 / 4 + 512),
    ],
)
def test_what_a_request_may_cost(body, cost):
    assert cost_of(body) == cost


@settings(max_examples=60, deadline=None)
@given(
    flood=st.lists(st.tuples(st.sampled_from("abc"), COSTS), min_size=1, max_size=60),
    before=st.integers(0, 20),
    own=st.lists(COSTS, min_size=1, max_size=4),
)
def test_nobody_starves_whatever_the_others_ask(flood, before, own):
    line = FairLine(1000)
    stream = iter(flood * 400)
    for asker, cost in flood:
        line.join(asker, cost)
    for _ in range(before):
        line.next(0.0)
    due = [line.join("quiet", cost) for cost in own]
    work = sum(min(MOST_COST, max(LEAST_COST, cost)) for cost in own)
    passed = 0
    # The others ask again for every turn that they have: they would never run out.
    while any(ticket in due[-1].lane.tickets for ticket in due):
        ticket = line.next(0.0)
        assert ticket is not None
        if ticket not in due:
            passed += 1
            line.join(*next(stream))
    # Each of three others is at most one request ahead, and no request costs less than the least.
    assert passed <= 3 * (work / LEAST_COST + MOST_COST / LEAST_COST + 2)


@settings(max_examples=60, deadline=None)
@given(
    cost=st.floats(LEAST_COST, MOST_COST),
    others=st.integers(1, 6),
    own=st.integers(1, 5),
    before=st.integers(0, 40),
)
def test_equal_requests_wait_a_few_turns(cost, others, own, before):
    line = FairLine(10_000)
    for _ in range(30):
        for number in range(others):
            line.join(f"flood {number}", cost)
    for _ in range(before):
        line.next(0.0)
    due = [line.join("quiet", cost) for _ in range(own)]
    order = []
    while due[-1] in due[-1].lane.tickets:
        order.append(line.next(0.0))
    for place, ticket in enumerate(due):
        assert order.index(ticket) <= place + others * (place + 2)


class Line(RuleBasedStateMachine):
    """A model of the line beside it: what waits, in which order each asker came."""

    MOST = 12

    def __init__(self):
        super().__init__()
        self.line = FairLine(self.MOST)
        self.waiting = {asker: [] for asker in ASKERS}

    @rule(asker=st.sampled_from(ASKERS), cost=COSTS)
    def join(self, asker, cost):
        own, total = len(self.waiting[asker]), sum(map(len, self.waiting.values()))
        try:
            ticket = self.line.join(asker, cost, 10)
        except ShareFull:
            assert own >= self.MOST - total
            assert own > 0
        except EngineBusy:
            assert total == self.MOST
        else:
            assert own == 0 or own < self.MOST - total
            self.waiting[asker].append(ticket)

    @precondition(lambda self: self.line.waiting)
    @rule()
    def next(self):
        ticket = self.line.next(0.0)
        own = self.waiting[ticket.lane.asker]
        assert own.pop(0) is ticket

    @precondition(lambda self: self.line.waiting)
    @rule(data=st.data())
    def leave(self, data):
        asker = data.draw(st.sampled_from([one for one in ASKERS if self.waiting[one]]))
        ticket = data.draw(st.sampled_from(self.waiting[asker]))
        assert self.line.leave(ticket)
        self.waiting[asker].remove(ticket)

    @rule()
    def clear(self):
        cleared = list(self.line.clear())
        assert sorted(map(id, cleared)) == sorted(
            id(one) for own in self.waiting.values() for one in own
        )
        self.waiting = {asker: [] for asker in ASKERS}

    @invariant()
    def counts_agree(self):
        assert self.line.waiting == sum(map(len, self.waiting.values()))
        assert self.line.waiting <= self.MOST
        assert self.line.size == 10 * self.line.waiting


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
