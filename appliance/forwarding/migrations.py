"""The table of forwarding: how far the receiver is known to have read."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE forwarded (id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL,"
        " time REAL NOT NULL) STRICT"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("forwarding.001-position", _first),)
