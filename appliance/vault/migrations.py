"""The tables of the vault room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    # A destroyed key leaves its row, without the key: what was erased stays erased.
    db.execute(
        "CREATE TABLE vault_subjects (family TEXT NOT NULL, tag BLOB NOT NULL, sealed BLOB,"
        " made INTEGER NOT NULL, destroyed INTEGER, PRIMARY KEY (family, tag)) STRICT"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("vault.1-subjects", _first),)
