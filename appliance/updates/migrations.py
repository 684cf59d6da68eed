"""The tables of the updates room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database

_HISTORY = (
    "CREATE TABLE {} (number INTEGER PRIMARY KEY, bundle TEXT NOT NULL,"
    " kind TEXT NOT NULL, subject TEXT NOT NULL, version TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ({})),"
    " time TEXT NOT NULL, actor TEXT NOT NULL, code TEXT, sentence TEXT NOT NULL) STRICT"
)
_FIRST_STATES = "'verified', 'refused', 'applied'"
_STATES = f"{_FIRST_STATES}, 'staged', 'reverted', 'rolled-back'"


def _first(db: "Database") -> None:
    db.execute(_HISTORY.format("update_history", _FIRST_STATES))
    db.execute(
        "CREATE TABLE update_roots (fingerprint TEXT PRIMARY KEY, version INTEGER NOT NULL,"
        " time TEXT NOT NULL) STRICT"
    )


def _packages(db: "Database") -> None:
    db.execute(_HISTORY.format("update_history_2", _STATES))
    db.execute("INSERT INTO update_history_2 SELECT * FROM update_history")
    db.execute("DROP TABLE update_history")
    db.execute("ALTER TABLE update_history_2 RENAME TO update_history")
    db.execute(
        "CREATE TABLE update_packages (kind TEXT NOT NULL, id TEXT NOT NULL,"
        " place TEXT NOT NULL CHECK (place IN ('current', 'previous')), version TEXT NOT NULL,"
        " content TEXT NOT NULL, token TEXT NOT NULL, bundle TEXT NOT NULL, time TEXT NOT NULL,"
        " manifest BLOB NOT NULL, PRIMARY KEY (kind, id, place)) STRICT"
    )
    db.execute("CREATE TABLE update_outcomes (digest TEXT PRIMARY KEY, time TEXT NOT NULL) STRICT")


def _rates(db: "Database") -> None:
    db.execute(
        "CREATE TABLE update_rates (number INTEGER PRIMARY KEY,"
        " step TEXT NOT NULL CHECK (step IN ('read', 'copy', 'make')), bundle TEXT NOT NULL,"
        " size INTEGER NOT NULL, seconds REAL NOT NULL, time TEXT NOT NULL) STRICT"
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration("updates.1-tables", _first),
    Migration("updates.2-packages", _packages),
    Migration("updates.3-rates", _rates),
)
