"""Who looks at the record is on the record, and a screen that looks every second does not fill it."""

import pytest

from appliance.audit.query import Query
from appliance.audit.searches import Searches
from appliance.errors import AuditUnavailable


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def searches(log, seconds):
    return Searches(log.append, seconds)


def noted(log):
    found = log.reader.search(Query(tag="audit:log:search"))
    return [(one.event.actor, one.event.details["patient"]) for one in reversed(found)]


def test_a_search_is_noted_once_an_hour_for_each_person(log, searches, seconds):
    for _ in range(5):
        searches.note("user:ann", Query(tag="model:*"))
        searches.note("user:bob", Query())
    seconds.now += 3599
    searches.note("user:ann", Query(actor="key:a"))
    assert noted(log) == [("user:ann", None), ("user:bob", None)]
    seconds.now += 2
    searches.note("user:ann", Query(actor="key:a", since=1))
    assert noted(log)[2:] == [("user:ann", None)]
    (entry, *_) = log.reader.search(Query(tag="audit:log:search"))
    assert entry.event.details["conditions"] == ["actor", "since"]


def test_every_patient_that_is_asked_for_is_noted(log, searches, seconds):
    for patient in ("p-1", "p-2", "p-1"):
        searches.note("user:ann", Query(patient=patient))
    seconds.now += 61
    searches.note("user:ann", Query(patient="p-1"))
    # The pages that follow belong to their first.
    searches.note("user:ann", Query(patient="p-3", before=100))
    assert [patient for _, patient in noted(log)] == ["p-1", "p-2", "p-1"]
    assert len(log.reader.search(Query(patient="p-1"))) == 2


def test_while_nothing_can_be_noted_no_patient_is_looked_up(log, searches):
    log.close()
    searches.note("user:ann", Query())
    for _ in range(2):
        with pytest.raises(AuditUnavailable):
            searches.note("user:ann", Query(patient="p-1"))
