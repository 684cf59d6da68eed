"""The tables of the backup room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE backup_targets (name TEXT PRIMARY KEY, kind TEXT NOT NULL"
        " CHECK (kind IN ('directory', 'disk', 'sftp')), place TEXT NOT NULL,"
        " pin TEXT NOT NULL, added REAL NOT NULL, repository TEXT NOT NULL DEFAULT '',"
        " generation INTEGER NOT NULL DEFAULT 0, digest TEXT NOT NULL DEFAULT '',"
        " snapshots TEXT NOT NULL DEFAULT '[]') STRICT"
    )
    db.execute(
        "CREATE TABLE backup_runs (id INTEGER PRIMARY KEY, target TEXT NOT NULL,"
        " what TEXT NOT NULL CHECK (what IN ('create', 'verify', 'drill')), time REAL NOT NULL,"
        " ok INTEGER NOT NULL, snapshot INTEGER, sentence TEXT NOT NULL, result TEXT NOT NULL)"
        " STRICT"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("backup.001-tables", _first),)
