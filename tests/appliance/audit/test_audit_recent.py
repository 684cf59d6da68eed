"""Requests and receipts of entries that are not closed yet: found without an index, by who searches."""

import random

import pytest

from appliance.audit import events
from appliance.audit.errors import AuditTampered
from appliance.audit.identifiers import receipt_of
from appliance.audit.query import Query
from appliance.audit.recent import Recent
from appliance.audit.store import AuditRows
from tests.appliance.audit.conftest import note
from tests.fakes.answered import completion


class Rows:
    """Named entries in memory, and how often each was read."""

    def __init__(self, named):
        self.all = list(named)
        self.read = 0

    def named(self, first, end):
        found = self.all[first:end]
        self.read += len(found)
        return found


def names(number):
    request = f"req_{number:030x}"
    return request, receipt_of(request) if number % 2 else None


def plain(rows, value, low, high):
    number = value[4:] or value
    return [
        index
        for index in range(high - 1, low - 1, -1)
        if any(one is not None and (one[4:] or one) == number for one in rows.all[index])
    ]


def test_what_comes_is_read_once_and_found_as_by_looking_at_each():
    chance = random.Random(7)
    rows = Rows(names(chance.randrange(40)) for _ in range(9000))
    recent, first, end = Recent(), 0, 0
    while end < len(rows.all):
        end = min(len(rows.all), end + chance.randrange(3000))
        first = min(end, first + chance.randrange(1200))
        recent.follow(rows, first, end)
        for _ in range(6):
            value = chance.choice([*names(chance.randrange(45)), "rcp_none"]) or "x"
            low = chance.randrange(first, end + 1)
            high = chance.randrange(low, end + 1)
            assert list(recent.holding(value, low, high)) == plain(rows, value, low, high)
        assert list(recent.holding(names(1)[0], 0, first)) == []
    assert 0 < rows.read <= len(rows.all)


def test_a_log_that_is_another_one_is_read_anew():
    rows, recent = Rows(names(number) for number in range(20)), Recent()
    recent.follow(rows, 5, 20)
    assert list(recent.holding(names(7)[0], 5, 20)) == [7]
    recent.follow(rows, 0, 10)
    assert list(recent.holding(names(7)[0], 0, 10)) == [7]
    assert list(recent.holding(names(12)[0], 0, 10)) == []
    other = Rows(names(number + 100) for number in range(90))
    recent.follow(other, 64, 90)
    assert list(recent.holding(names(165)[1], 64, 90)) == [65]


def test_missing_entries_are_told():
    with pytest.raises(AuditTampered, match="missing after 0"):
        Recent().follow(Rows(names(number) for number in range(9)), 0, 10)


def test_short_odd_and_absent_ids():
    rows = Rows([(None, None), ("a", None), ("", "abcd"), (None, "abcd"), ("", None)])
    recent = Recent()
    recent.follow(rows, 0, 5)
    assert list(recent.holding("a", 0, 5)) == [1]
    assert list(recent.holding("abcd", 0, 5)) == [3, 2]
    assert 4 in list(recent.holding("", 0, 5))


def test_receipts_and_requests_of_a_log_that_goes_on_are_found_at_once(log):
    asked = "req_" + "0" * 29 + "1"
    first = log.append(events.completion_accept("key:a", asked, route="/v1", model="m")).result(10)
    assert [one.index for one in log.reader.search(Query(request_id=asked))] == [first.index]
    receipt = receipt_of(asked)
    assert log.reader.search(Query(receipt=receipt)) == []
    for number in range(300):
        log.append(note(number))
    told = completion(receipt)
    last = log.append(events.completion_answer("key:a", asked, told)).result(10)
    assert [one.index for one in log.reader.search(Query(receipt=receipt))] == [last.index]
    both = log.reader.search(Query(request_id=asked))
    assert [one.index for one in both] == [last.index, first.index]
    only = log.reader.search(Query(request_id=asked, tag="model:completion:accept"))
    assert [one.index for one in only] == [first.index]
    assert log.reader.search(Query(request_id=asked, before=first.index)) == []


def test_a_reader_that_followed_reads_nothing_twice(log, monkeypatch):
    for number in range(200):
        last = log.append(note(number))
    last.result(10)
    log.reader.follow()
    read = []
    named = AuditRows.named
    monkeypatch.setattr(
        AuditRows,
        "named",
        lambda rows, low, high: read.append(high - low) or named(rows, low, high),
    )
    assert log.reader.search(Query(request_id="req_7"))[0].event.request_id == "req_7"
    assert read == []
    log.append(note(999)).result(10)
    assert log.reader.search(Query(request_id="req_999"))
    assert read == [1]
