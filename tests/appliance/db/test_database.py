"""The encrypted database: transactions, threads, wrong keys, damage, full disks, newer files."""

# ruff: noqa: PT012  # the block that fails is the transaction itself

import threading
from datetime import UTC, datetime

import pytest

from appliance.db.connection import open_connection
from appliance.db.database import Db, Migration
from appliance.db.errors import (
    DbConflict,
    DbDamaged,
    DbDiskFull,
    DbError,
    DbMigrationUnknown,
    DbWrongKey,
)

KEY = bytes(range(32))


def make(database):
    database["people"].create({"id": int, "name": str}, pk="id", not_null={"name"})


PEOPLE = (Migration("test.001-people", make),)


@pytest.fixture
def db(tmp_path):
    with Db(tmp_path / "box.db", KEY, PEOPLE) as opened:
        yield opened


def names(db):
    with db.read() as view:
        return [row["name"] for row in view["people"].rows]


def test_nothing_readable_lies_on_the_disk(tmp_path):
    with Db(tmp_path / "box.db", KEY, PEOPLE) as db, db.write() as change:
        change["people"].insert({"id": 1, "name": "wang-xiaoming-in-the-clear"})
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert b"wang" not in content
        assert b"SQLite format" not in content
        assert path.stat().st_mode & 0o077 == 0 or path.suffix != ".db"


def test_a_change_is_kept_whole_or_not_at_all(db):
    with db.write() as change:
        change["people"].insert({"id": 1, "name": "a"})
    with pytest.raises(ZeroDivisionError), db.write() as change:
        change["people"].insert({"id": 2, "name": "b"})
        change["people"].insert_all([{"id": 3, "name": "c"}, {"id": 4, "name": "d"}])
        raise ZeroDivisionError
    assert names(db) == ["a"]


def test_a_conflict_is_told_and_undone(db):
    with db.write() as change:
        change["people"].insert({"id": 1, "name": "a"})
    with pytest.raises(DbConflict), db.write() as change:
        change["people"].insert({"id": 2, "name": "b"})
        change["people"].insert({"id": 1, "name": "again"})
    assert names(db) == ["a"]
    assert DbConflict.code == "db.conflict"


def test_a_nested_write_belongs_to_the_outer_one(db):
    with pytest.raises(ZeroDivisionError), db.write() as outer:
        outer["people"].insert({"id": 1, "name": "a"})
        with db.write() as inner:
            inner["people"].insert({"id": 2, "name": "b"})
        assert names(db) == ["a", "b"]
        raise ZeroDivisionError
    assert names(db) == []


def test_readers_keep_one_view_and_cannot_write(db):
    with db.read() as view:
        assert view["people"].count == 0
        done = threading.Thread(target=insert, args=(db, 1))
        done.start()
        done.join(10)
        assert not done.is_alive()
        assert view["people"].count == 0
    assert names(db) == ["n1"]
    with pytest.raises(DbError), db.read() as view:
        view["people"].insert({"id": 9, "name": "x"})


def insert(db, number):
    with db.write() as change:
        change["people"].insert({"id": number, "name": f"n{number}"})


def test_threads_take_turns(db):
    threads = [threading.Thread(target=insert, args=(db, number)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(db)) == sorted(f"n{number}" for number in range(20))


def test_a_wrong_key_and_a_file_that_is_no_database(tmp_path):
    Db(tmp_path / "box.db", KEY, PEOPLE).close()
    with pytest.raises(DbWrongKey) as caught:
        Db(tmp_path / "box.db", bytes(32), PEOPLE)
    assert caught.value.way_out
    (tmp_path / "other.db").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(DbWrongKey):
        Db(tmp_path / "other.db", KEY, PEOPLE)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_no_key(tmp_path, key):
    with pytest.raises(ValueError, match="32 bytes"):
        open_connection(tmp_path / "x.db", key)


def test_a_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "box.db"
    with Db(path, KEY, PEOPLE) as db, db.write() as change:
        change["people"].insert_all({"id": n, "name": "x" * 200} for n in range(500))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises((DbDamaged, DbError)), Db(path, KEY, PEOPLE) as db:
        names(db)


def test_a_full_disk_is_told_and_the_database_goes_on_afterwards(db):
    db._writer.conn.execute("PRAGMA max_page_count = 12")
    with pytest.raises(DbDiskFull), db.write() as change:
        change["people"].insert_all({"id": n, "name": "x" * 2000} for n in range(500))
    assert names(db) == []
    db._writer.conn.execute("PRAGMA max_page_count = 100000")
    insert(db, 1)
    assert names(db) == ["n1"]


def test_migrations_run_once_in_order_and_are_recorded(tmp_path):
    calls = []

    def step(name):
        return Migration(name, lambda database: calls.append((name, database.conn.in_transaction)))

    clock = lambda: datetime(2026, 1, 2, tzinfo=UTC)  # noqa: E731
    path = tmp_path / "box.db"
    Db(path, KEY, [step("a"), step("b")], clock).close()
    with Db(path, KEY, [step("a"), step("b"), step("c")], clock) as db, db.read() as view:
        rows = list(view["schema_migrations"].rows)
    assert calls == [("a", True), ("b", True), ("c", True)]
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["applied"] == "2026-01-02T00:00:00+00:00"
    with pytest.raises(DbMigrationUnknown):
        Db(path, KEY, [step("a")], clock)
    with pytest.raises(ValueError, match="same id"):
        Db(tmp_path / "x.db", KEY, [step("a"), step("a")], clock)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path):
    def broken(database):
        database["half"].create({"id": int})
        raise ZeroDivisionError

    path = tmp_path / "box.db"
    with pytest.raises(ZeroDivisionError):
        Db(path, KEY, [Migration("x", broken)])
    with Db(path, KEY, []) as db, db.read() as view:
        assert "half" not in view.table_names()


def test_a_closed_database_says_so(tmp_path):
    db = Db(tmp_path / "box.db", KEY, PEOPLE)
    db.close()
    db.close()
    with pytest.raises(DbError, match="closed"), db.read():
        pass
    with pytest.raises(DbError, match="closed"), db.write():
        pass
