"""The tables of the serving room: how models are kept, names they are served under, leases."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE serving_models (model TEXT PRIMARY KEY, pinned INTEGER NOT NULL,"
        " idle_unload_s INTEGER)"
    )
    # A revision is never changed: going back is a new revision with the targets of an old one.
    db.execute(
        "CREATE TABLE serving_revisions (name TEXT NOT NULL, revision INTEGER NOT NULL,"
        " targets TEXT NOT NULL, actor TEXT NOT NULL, made REAL NOT NULL,"
        " PRIMARY KEY (name, revision)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE serving_deployments (name TEXT PRIMARY KEY, revision INTEGER NOT NULL,"
        " previous INTEGER, drained INTEGER NOT NULL)"
    )
    db.execute(
        "CREATE TABLE serving_adapters (id TEXT PRIMARY KEY, base TEXT NOT NULL,"
        " base_digest TEXT NOT NULL, digest TEXT NOT NULL, sha256 TEXT NOT NULL,"
        " size INTEGER NOT NULL, state TEXT NOT NULL, registered_by TEXT NOT NULL, registered REAL NOT NULL,"
        " approved_by TEXT, approved REAL)"
    )
    db.execute(
        "CREATE TABLE serving_leases (id TEXT PRIMARY KEY, holder TEXT NOT NULL,"
        " purpose TEXT NOT NULL, claim TEXT NOT NULL, taken REAL NOT NULL, ended REAL)"
    )
    db.execute("CREATE INDEX serving_leases_by_time ON serving_leases (taken)")
    db.execute(
        "CREATE TABLE serving_windows (purpose TEXT PRIMARY KEY, opens INTEGER NOT NULL,"
        " closes INTEGER NOT NULL)"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("serving.1-tables", _first),)
