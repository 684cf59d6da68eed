"""The write-ahead file is folded in beside the commits, stays bounded, and loses nothing."""

import time
from pathlib import Path

import pytest

from appliance.audit.folding import Folding
from appliance.db.connection import Connection, open_connection

KEY = bytes(range(32))
PAGES = 40
FRAME = 4096 + 24
_WAIT_S = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = open_connection(tmp_path / "log.db", KEY)
    connection.execute("CREATE TABLE e (id INTEGER PRIMARY KEY, text BLOB)")
    connection.close()
    return tmp_path / "log.db"


def commit(writing: Connection, folding: Folding, number: int) -> None:
    folding.before_commit()
    writing.execute("INSERT INTO e (id, text) VALUES (?, zeroblob(3000))", (number,))
    folding.after_commit(1)


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def test_the_file_begins_again_while_commits_go_on(path: Path) -> None:
    writing = open_connection(path, KEY)
    folding = Folding(writing, open_connection(path, KEY), PAGES)
    until, number, sizes = time.monotonic() + _WAIT_S, 0, [0]
    # It never shrinks: it begins again when it does not grow with what is written.
    while number * FRAME < 4 * sizes[-1] or number < 20 * PAGES:
        assert time.monotonic() < until, "the write-ahead file only grows"
        commit(writing, folding, number)
        sizes.append(wal_of(path).stat().st_size)
        number += 1
    folding.end()
    assert writing.execute("SELECT count(*) FROM e").fetchone() == (number,)
    writing.close()
    assert not wal_of(path).exists()


def test_a_folding_that_fails_is_made_up_for_by_a_commit(path: Path) -> None:
    writing, beside = open_connection(path, KEY), open_connection(path, KEY)
    folding = Folding(writing, beside, PAGES)
    beside.close()
    for number in range(12 * PAGES):
        commit(writing, folding, number)
    assert wal_of(path).stat().st_size < 8 * PAGES * FRAME
    folding.end()
    assert writing.execute("SELECT count(*) FROM e").fetchone() == (12 * PAGES,)
    writing.close()
    assert not wal_of(path).exists()


def test_a_reader_of_an_old_moment_sees_it_to_the_end(path: Path) -> None:
    writing, reading = open_connection(path, KEY), open_connection(path, KEY, read_only=True)
    folding = Folding(writing, open_connection(path, KEY), PAGES)
    commit(writing, folding, 0)
    reading.execute("BEGIN")
    assert reading.execute("SELECT count(*) FROM e").fetchone() == (1,)
    for number in range(1, 5 * PAGES):
        commit(writing, folding, number)
    assert reading.execute("SELECT count(*) FROM e").fetchone() == (1,)
    reading.execute("COMMIT")
    assert reading.execute("SELECT count(*) FROM e").fetchone() == (5 * PAGES,)
    reading.close()
    folding.end()
    writing.close()
