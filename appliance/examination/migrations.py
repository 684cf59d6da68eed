"""The tables of the examination room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE examination_reports (job_id TEXT PRIMARY KEY, model TEXT NOT NULL,"
        " model_digest TEXT NOT NULL, digest TEXT NOT NULL, time REAL NOT NULL,"
        " report TEXT NOT NULL)"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("examination.1-tables", _first),)
