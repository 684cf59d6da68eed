"""The tables of the files and batches room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE files (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,"
        " purpose TEXT NOT NULL, bytes INTEGER NOT NULL, digest TEXT NOT NULL,"
        " created REAL NOT NULL, expires REAL)"
    )
    db.execute("CREATE INDEX files_by_owner ON files (owner, created)")
    db.execute(
        "CREATE TABLE batches (id TEXT PRIMARY KEY, owner TEXT NOT NULL, created REAL NOT NULL,"
        " status TEXT NOT NULL, input_file TEXT NOT NULL, document TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX batches_by_owner ON batches (owner, created)")
    db.execute(
        "CREATE TABLE kept_responses (id TEXT PRIMARY KEY, owner TEXT NOT NULL,"
        " created REAL NOT NULL, turns BLOB NOT NULL, response BLOB NOT NULL)"
    )


def _patients(db: "Database") -> None:
    # By pseudonym: what is kept of a patient lies under the key of that patient.
    db.execute("ALTER TABLE kept_responses ADD COLUMN patient TEXT")


def _sealed(db: "Database") -> None:
    # What came before this lies plain until the next opening of the vault seals it.
    db.execute("ALTER TABLE files ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0")


MIGRATIONS: tuple[Migration, ...] = (
    Migration("batches.1-tables", _first),
    Migration("batches.2-patients", _patients),
    Migration("batches.3-sealed", _sealed),
)
