"""The tables of the updates room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE update_bundles (id TEXT PRIMARY KEY, kind TEXT NOT NULL,"
        " subject TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, time REAL NOT NULL,"
        " sentence TEXT NOT NULL)"
    )
    db.execute("CREATE TABLE update_floor (id INTEGER PRIMARY KEY CHECK (id = 1), time REAL)")


MIGRATIONS: tuple[Migration, ...] = (Migration("updates.1-tables", _first),)
