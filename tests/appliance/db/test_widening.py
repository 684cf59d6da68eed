"""Steps that only widen: what they may say, and which databases a version goes on with that it does not know."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.db.connection import open_connection
from appliance.db.errors import DbError, DbMigrationUnknown
from appliance.db.migration import Migration, applied
from appliance.db.widening import (
    NotWidening,
    digest_of,
    explain,
    in_memory,
    migrate_widely,
    prove,
    require_widening,
    widening,
    widens,
)

KEY = bytes(range(32))
ROWS = "CREATE TABLE rows (x INTEGER PRIMARY KEY CHECK (x > 0), y TEXT NOT NULL) STRICT"
OLD = (Migration("room.1-first", lambda db: db.execute(ROWS)),)
WIDER = widening(
    "room.2+stars",
    "ALTER TABLE rows ADD COLUMN stars INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE rows ADD COLUMN told TEXT",
    "CREATE INDEX rows_stars ON rows (stars, y) WHERE told IS NOT NULL",
    "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT",
    "INSERT INTO names (id) VALUES (1)",
)


def now() -> datetime:
    return datetime(2026, 7, 1, tzinfo=UTC)


def opened(path: Path, *steps: Migration) -> list[tuple[int, str]]:
    """Open as a version that knows these steps, write a row, and read all rows."""
    with closing(open_connection(path, KEY)) as connection:
        migrate_widely(Database(connection, execute_plugins=False), steps, path, now)
        connection.execute("INSERT INTO rows (y) VALUES ('a')")
        return connection.execute("SELECT x, y FROM rows ORDER BY x").fetchall()


def test_a_version_goes_on_with_what_a_later_one_has_widened(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert len(opened(path, *OLD)) == 1
    assert len(opened(path, *OLD, WIDER)) == 2
    assert len(opened(path, *OLD)) == 3
    assert len(opened(path, *OLD, WIDER)) == 4


def test_one_release_may_leave_its_step_and_another_bring_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    other = widening("room.2+stars", "ALTER TABLE rows ADD COLUMN moons INTEGER")
    assert other.id != WIDER.id
    for steps in ((*OLD, WIDER), OLD, (*OLD, other), OLD, (*OLD, WIDER, other)):
        opened(path, *steps)
    assert len(opened(path, *OLD)) == 6


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE rows",
        "ALTER TABLE rows DROP COLUMN y",
        "ALTER TABLE rows RENAME TO lines",
        "ALTER TABLE rows RENAME COLUMN y TO z",
        "ALTER TABLE rows ADD COLUMN z INTEGER NOT NULL",
        "ALTER TABLE rows ADD COLUMN z INTEGER DEFAULT 'a'",
        "ALTER TABLE rows ADD COLUMN z BLOB NOT NULL DEFAULT 'a'",
        "ALTER TABLE rows ADD COLUMN z INTEGER CHECK (z > 0)",
        "ALTER TABLE rows ADD COLUMN z INTEGER UNIQUE",
        "ALTER TABLE rows ADD COLUMN z INTEGER REFERENCES rows (x)",
        "ALTER TABLE rows ADD COLUMN z INTEGER GENERATED ALWAYS AS (x) VIRTUAL",
        "ALTER TABLE rows ADD COLUMN z INTEGER DEFAULT (random())",
        "CREATE UNIQUE INDEX one ON rows (y)",
        "CREATE INDEX one ON rows (json(y))",
        "CREATE INDEX one ON rows (y) WHERE json(y) IS NOT NULL",
        "CREATE TRIGGER one BEFORE INSERT ON rows BEGIN SELECT RAISE(FAIL, 'no'); END",
        "CREATE TABLE more (x INTEGER REFERENCES rows (x)) STRICT",
        "CREATE TABLE more AS SELECT y FROM rows",
        "CREATE TABLE more (x INTEGER) STRICT; DROP TABLE rows",
        "CREATE VIEW more AS SELECT y FROM rows",
        "INSERT INTO rows (x) VALUES (1)",
        "INSERT INTO names SELECT * FROM rows",
        "DELETE FROM rows",
        "UPDATE rows SET y = ''",
        "PRAGMA writable_schema = 1",
        "ATTACH 'other.db' AS other",
        "",
    ],
)
def test_a_step_that_does_more_is_none(statement: str) -> None:
    with pytest.raises(NotWidening):
        widening("room.2+more", statement)


def test_an_id_holds_the_digest_of_its_statements() -> None:
    good = "ALTER TABLE rows ADD COLUMN z INTEGER"
    require_widening([good], f"room.2+z.{digest_of([good])}")
    require_widening([f" {good}\n"], f"room.2+z.{digest_of([good])}")
    for name in ("room.2-z", "room.2+z", f"room.2+z.{'0' * 12}", f"room.2-z.{digest_of([good])}"):
        with pytest.raises(NotWidening):
            require_widening([good], name)
    assert [widens(one) for one in (WIDER.id, "room.2-z", "room.2+z", "")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE rows", "CREATE TABLE rows (x INTEGER PRIMARY KEY, y TEXT) STRICT"),
        ("DROP TABLE rows",),
        ("CREATE UNIQUE INDEX one ON rows (y)",),
        ("CREATE TRIGGER one AFTER INSERT ON rows BEGIN DELETE FROM rows; END",),
        ("CREATE TABLE more (x INTEGER REFERENCES rows (x)) STRICT",),
        ("ALTER TABLE rows ADD COLUMN z INTEGER NOT NULL DEFAULT 0 CHECK (z < x)",),
        ("ALTER TABLE rows RENAME COLUMN y TO z", "ALTER TABLE rows ADD COLUMN y TEXT"),
        ("CREATE VIEW more AS SELECT y FROM rows",),
    ],
)
def test_a_step_that_only_says_that_it_widens_is_found_out(
    tmp_path: Path, statements: tuple[str, ...]
) -> None:
    """Whatever is written in the list of steps, the tables decide."""
    path = tmp_path / "a.db"
    opened(path, *OLD)
    with closing(open_connection(path, KEY)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO schema_migrations (id, applied) VALUES (?, '')",
            (f"room.2+more.{digest_of(statements)}",),
        )
    with pytest.raises(DbMigrationUnknown):
        opened(path, *OLD)


def test_a_step_that_does_not_widen_is_unknown_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    opened(path, *OLD, Migration("room.2-more", lambda db: db.execute("CREATE TABLE more (x)")))
    with pytest.raises(DbMigrationUnknown):
        opened(path, *OLD)


def test_a_proof_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    opened(path, *OLD)
    bad = widening("room.3+twice", "ALTER TABLE rows ADD COLUMN stars TEXT")
    with closing(open_connection(path, KEY)) as connection:
        seen: list[int] = []

        def look() -> object:
            seen.append(len(connection.execute("PRAGMA table_info(rows)").fetchall()))
            return connection.execute("SELECT x, y FROM rows").fetchall()

        prove(connection, path, [WIDER], look)
        assert seen == [2, 4]
        with pytest.raises(DbError):
            prove(connection, path, [WIDER, bad], look)
        with pytest.raises(NotWidening):
            prove(
                connection,
                path,
                [WIDER],
                lambda: connection.execute("PRAGMA table_info(rows)").fetchall(),
            )
        assert not connection.in_transaction
        assert applied(connection) == {"room.1-first"}
        assert len(connection.execute("PRAGMA table_info(rows)").fetchall()) == 2
    assert len(opened(path, *OLD)) == 2


def test_statements_are_prepared_and_not_run() -> None:
    with closing(in_memory([ROWS])) as connection:
        explain(connection, ["INSERT INTO rows (y) VALUES (?)", "SELECT count(*) FROM rows"])
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (0,)
        for bad in ("SELECT * FROM rows", "SELECT z FROM rows", "INSERT INTO rows VALUES (?)"):
            with pytest.raises(NotWidening):
                explain(connection, [bad])


def test_what_is_made_in_memory_reaches_no_file(tmp_path: Path) -> None:
    for bad in (f"ATTACH '{tmp_path / 'x.db'}' AS x", f"VACUUM INTO '{tmp_path / 'y.db'}'"):
        with pytest.raises(NotWidening):
            in_memory([bad])
    assert list(tmp_path.iterdir()) == []
