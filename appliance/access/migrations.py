"""The tables of the access room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE access_users (name TEXT PRIMARY KEY, role TEXT NOT NULL,"
        " password TEXT NOT NULL, created REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE access_keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL,"
        " salt BLOB NOT NULL, digest BLOB NOT NULL, scopes TEXT NOT NULL, models TEXT,"
        " created REAL NOT NULL, expires REAL, revoked REAL, rpm INTEGER, tpm INTEGER)"
    )
    db.execute(
        "CREATE TABLE access_sessions (id TEXT PRIMARY KEY, name TEXT NOT NULL, salt BLOB NOT NULL,"
        " digest BLOB NOT NULL, expires REAL NOT NULL, seen REAL NOT NULL)"
    )
    # Failures are counted for unknown names too, so that a lockout tells nobody which names exist.
    db.execute(
        "CREATE TABLE access_failures (name TEXT PRIMARY KEY, count INTEGER NOT NULL,"
        " last REAL NOT NULL, locked_until REAL NOT NULL)"
    )
    # No foreign keys on purpose: usage outlives the key and the model it names.
    db.execute(
        "CREATE TABLE access_usage (hour INTEGER NOT NULL, actor TEXT NOT NULL,"
        " key_id TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,"
        " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,"
        " PRIMARY KEY (hour, actor, key_id, model))"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("access.1-tables", _first),)
