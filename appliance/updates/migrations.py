"""The tables of the updates room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE update_history (number INTEGER PRIMARY KEY, bundle TEXT NOT NULL,"
        " kind TEXT NOT NULL, subject TEXT NOT NULL, version TEXT NOT NULL,"
        " state TEXT NOT NULL CHECK (state IN ('verified', 'refused', 'applied')),"
        " time TEXT NOT NULL, actor TEXT NOT NULL, code TEXT, sentence TEXT NOT NULL) STRICT"
    )
    db.execute(
        "CREATE TABLE update_roots (fingerprint TEXT PRIMARY KEY, version INTEGER NOT NULL,"
        " time TEXT NOT NULL) STRICT"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("updates.1-tables", _first),)
