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


def _second(db: "Database") -> None:
    for column in (
        "disabled REAL",
        "changed REAL NOT NULL DEFAULT 0",
        "temporary INTEGER NOT NULL DEFAULT 0",
        "source TEXT NOT NULL DEFAULT 'local'",
    ):
        db.execute("ALTER TABLE access_users ADD COLUMN " + column)
    db.execute("UPDATE access_users SET changed = created")
    for column in ("created REAL NOT NULL DEFAULT 0", "source TEXT", "method TEXT"):
        db.execute("ALTER TABLE access_sessions ADD COLUMN " + column)
    for column in ("rpd", "tpd", "rpmo", "tpmo"):
        db.execute("ALTER TABLE access_keys ADD COLUMN " + column + " INTEGER")
    for column in ("owner", "key_name"):
        db.execute("ALTER TABLE access_usage ADD COLUMN " + column + " TEXT NOT NULL DEFAULT ''")
    db.execute(
        "UPDATE access_usage SET owner = coalesce((SELECT k.owner FROM access_keys k"
        " WHERE k.id = key_id), actor), key_name = coalesce((SELECT k.name FROM access_keys k"
        " WHERE k.id = key_id), '')"
    )
    db.execute(
        "CREATE TABLE access_counts (key_id TEXT NOT NULL, kind TEXT NOT NULL, span TEXT NOT NULL,"
        " start INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (key_id, kind, span, start))"
    )
    # Names and addresses are kept apart by kind: anybody may type a name that looks like an address.
    db.execute(
        "CREATE TABLE access_attempts (kind TEXT NOT NULL, name TEXT NOT NULL, count INTEGER"
        " NOT NULL, rounds INTEGER NOT NULL, last REAL NOT NULL, locked_until REAL NOT NULL,"
        " PRIMARY KEY (kind, name))"
    )
    db.execute(
        "INSERT INTO access_attempts SELECT 'name', name, count, locked_until > 0, last,"
        " locked_until FROM access_failures"
    )
    db.execute("DROP TABLE access_failures")


def _third(db: "Database") -> None:
    db.execute(
        "CREATE TABLE access_accounts (name TEXT PRIMARY KEY, role TEXT NOT NULL, note TEXT NOT"
        " NULL, created REAL NOT NULL, disabled REAL)"
    )
    db.execute(
        "CREATE TABLE access_roles (name TEXT PRIMARY KEY, scopes TEXT, totp INTEGER NOT NULL)"
    )
    db.execute(
        "CREATE TABLE access_totp (name TEXT PRIMARY KEY, secret BLOB NOT NULL, created REAL NOT"
        " NULL, confirmed REAL, step INTEGER NOT NULL)"
    )
    db.execute(
        "CREATE TABLE access_recovery (name TEXT NOT NULL, salt BLOB NOT NULL, digest BLOB NOT"
        " NULL, PRIMARY KEY (name, digest))"
    )
    db.execute(
        "CREATE TABLE access_passwords (name TEXT NOT NULL, password TEXT NOT NULL, at REAL NOT"
        " NULL)"
    )
    db.execute("CREATE INDEX access_passwords_name ON access_passwords (name, at)")
    db.execute(
        "CREATE TABLE access_approvals (id TEXT PRIMARY KEY, action TEXT NOT NULL, subject TEXT NOT"
        " NULL, parameter TEXT, reason TEXT NOT NULL, state TEXT NOT NULL, requested_by TEXT NOT"
        " NULL, requested REAL NOT NULL, expires REAL NOT NULL, decided_by TEXT, decided REAL,"
        " executed_by TEXT, executed REAL)"
    )
    db.execute("CREATE INDEX access_usage_key ON access_usage (key_id, hour)")


MIGRATIONS: tuple[Migration, ...] = (
    Migration("access.1-tables", _first),
    Migration("access.2-quotas", _second),
    Migration("access.3-people", _third),
)
