"""The tables of the sign-in room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    # A name alone identifies nobody: directories give the names of those who left to others.
    db.execute(
        "CREATE TABLE signin_people (name TEXT PRIMARY KEY, source TEXT NOT NULL,"
        " subject TEXT NOT NULL, role TEXT NOT NULL, checked REAL NOT NULL, until REAL NOT NULL,"
        " UNIQUE (source, subject))"
    )
    db.execute(
        "CREATE TABLE signin_secrets (way TEXT PRIMARY KEY, value TEXT NOT NULL, changed REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE signin_certificates (fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL,"
        " key_id TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, revoked REAL)"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("signin.1-tables", _first),)
