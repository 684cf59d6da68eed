"""The tables of the cluster room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE cluster_self (one INTEGER PRIMARY KEY CHECK (one = 1), address TEXT NOT NULL,"
        " head TEXT, base_port INTEGER NOT NULL, ray_token TEXT NOT NULL, ca TEXT NOT NULL,"
        " ca_key TEXT NOT NULL, certificate TEXT NOT NULL, key TEXT NOT NULL)"
    )
    db.execute(
        "CREATE TABLE cluster_tokens (id TEXT PRIMARY KEY, secret BLOB NOT NULL,"
        " expires REAL NOT NULL)"
    )
    db.execute(
        "CREATE TABLE cluster_members (address TEXT PRIMARY KEY, name TEXT NOT NULL,"
        " joined REAL NOT NULL, lost REAL)"
    )


def _doors(db: "Database") -> None:
    # What this box lends to its neighbours, and where their peer doors were last seen.
    db.execute(
        "CREATE TABLE cluster_shared (name TEXT PRIMARY KEY, actor TEXT NOT NULL,"
        " since REAL NOT NULL)"
    )
    db.execute("CREATE TABLE cluster_doors (address TEXT PRIMARY KEY, port INTEGER NOT NULL)")


MIGRATIONS: tuple[Migration, ...] = (
    Migration("cluster.1-tables", _first),
    Migration("cluster.2-doors", _doors),
)
