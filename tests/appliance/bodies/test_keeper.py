"""Keeping bodies: durable or refused with a reason, swept after a crash, never in anybody's way."""

import secrets
from datetime import UTC, datetime

import pytest

from appliance.bodies.keeper import AGAIN_S, BodyKeeper, Place
from appliance.bodies.sealing import number_of
from appliance.bodies.store import BodyStore
from appliance.db.connection import open_connection
from appliance.db.errors import DbError
from tests.appliance.bodies.bodily import PATIENT, body, receipt

DB_KEY = b"b" * 32


class Uptime:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def uptime():
    return Uptime()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "bodies.db", DB_KEY)


@pytest.fixture
def keeper(place, uptime):
    made = BodyKeeper(place, lambda: datetime(2026, 3, 1, tzinfo=UTC), uptime)
    yield made
    made.close()


def rows(place):
    store = BodyStore.open(place.path, DB_KEY)
    try:
        return store.newest(100)
    finally:
        store.close()


def test_bodies_are_there_once_it_says_nothing(keeper, place):
    names = [receipt() for _ in range(3)]
    assert keeper.keep([body(name) for name in names[:2]]) == ""
    assert keeper.keep([body(names[2], patient=PATIENT)]) == ""
    assert rows(place) == [number_of(name) for name in reversed(names)]
    content = place.path.read_bytes()
    assert b"prompt" not in content
    assert number_of(names[0]) not in content


def test_a_disk_that_refuses_is_told_and_asked_again_later(keeper, place, uptime):
    place.path.mkdir()
    told = keeper.keep([body(receipt())])
    assert told
    place.path.rmdir()
    assert keeper.keep([body(receipt())]) == told
    uptime.now += AGAIN_S
    assert keeper.keep([body(receipt())]) == ""
    assert len(rows(place)) == 1


def test_a_full_disk_keeps_none_of_a_batch(keeper, place, uptime):
    assert keeper.keep([body(receipt())]) == ""
    keeper._store._connection.execute("PRAGMA max_page_count = 12")
    big = [body(receipt(), prompt=secrets.token_bytes(60_000)) for _ in range(3)]
    assert "full" in keeper.keep(big)
    uptime.now += AGAIN_S
    assert keeper.keep([body(receipt())]) == ""
    assert len(rows(place)) == 2


def test_a_foreign_database_is_refused(keeper, place):
    open_connection(place.path, b"z" * 32).close()
    place.path.write_bytes(b"no database at all" * 400)
    assert "key" in keeper.keep([body(receipt())])
    assert place.path.read_bytes().startswith(b"no database")


def test_what_is_no_receipt_is_refused_and_the_next_is_kept(keeper, place, uptime):
    assert keeper.keep([body("rcp_000000000000nothex")])
    uptime.now += AGAIN_S
    assert keeper.keep([body(receipt())]) == ""


def test_only_the_last_bodies_without_entries_are_swept(keeper, place):
    names = [receipt() for _ in range(6)]
    for name in names:
        assert keeper.keep([body(name)]) == ""
    # The second has no entry either, but others were recorded after it: it is not of the last commit.
    known = {names[0], names[2], names[3]}
    assert keeper.sweep(lambda name: name in known) == 2
    assert rows(place) == [number_of(name) for name in reversed(names[:4])]
    assert keeper.sweep(lambda name: name in known) == 0


def test_bodies_of_a_patient_and_of_old_days_are_dropped_piecemeal(place, keeper):
    old, new = receipt(day=19_000), receipt(day=20_000)
    keeper.keep([body(receipt(), patient=PATIENT) for _ in range(450)])
    keeper.keep([body(old), body(new)])
    store = keeper._opened()
    counts = []
    while done := store.drop_some_of(bytes.fromhex(PATIENT)):
        counts.append(done)
    assert counts == [200, 200, 50]
    assert store.count() == 2
    assert store.drop_some_before(number_of(receipt(day=19_500, number=0))) == 1
    assert store.newest(9) == [number_of(new)]
    assert store.count(bytes.fromhex(PATIENT)) == 0


def test_nothing_is_settled_before_the_disk_has_it(keeper, place, monkeypatch):
    order = []
    flushed = BodyStore.flush

    def flush(store):
        flushed(store)
        order.append("on the disk")

    monkeypatch.setattr(BodyStore, "flush", flush)
    keeper.settled()
    assert keeper.keep([body(receipt())]) == ""
    keeper.settled()
    order.append("settled")
    keeper.settled()
    assert order == ["on the disk", "settled"]


def test_a_disk_that_fails_while_it_is_waited_for_is_told(keeper, place, uptime, monkeypatch):
    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(BodyStore, "flush", broken)
        assert keeper.keep([body(receipt())]) == ""
        with pytest.raises(DbError, match="Input/output error"):
            keeper.settled()
        assert keeper.keep([body(receipt())]) == "Input/output error"
        uptime.now += AGAIN_S
        assert keeper.keep([body(receipt())]) == ""
        keeper.close()
    assert keeper.keep([body(receipt())]) == ""
    keeper.settled()


def test_bodies_that_are_missing_are_counted(keeper, place):
    there = receipt()
    assert keeper.keep([body(there)]) == ""
    assert keeper.missing([there, receipt(), receipt()]) == 2
    assert keeper.missing(["rcp_nothex"]) == 0
