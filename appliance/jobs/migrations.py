"""The tables of the jobs room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL,"
        " actor TEXT NOT NULL, spec TEXT NOT NULL, created REAL NOT NULL, started REAL,"
        " finished REAL, progress TEXT, result TEXT, fault TEXT, attempts INTEGER NOT NULL,"
        " resumable INTEGER NOT NULL)"
    )
    db.execute("CREATE INDEX jobs_by_state ON jobs (state, created)")
    db.execute(
        "CREATE TABLE job_events (job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,"
        " id INTEGER NOT NULL, event TEXT NOT NULL, time REAL NOT NULL, data TEXT NOT NULL,"
        " PRIMARY KEY (job_id, id)) WITHOUT ROWID"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("jobs.1-tables", _first),)
