"""The tables of the posture room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE posture_reports (id INTEGER PRIMARY KEY, checked REAL NOT NULL,"
        " actor TEXT NOT NULL, report TEXT NOT NULL)"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("posture.1-tables", _first),)
