"""The tables of the witnesses: the box's second keys, who else cosigns, and every cosignature."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    # A second key that is replaced stays: what it signed is checked with it. `counter` is what the
    # TPM's counter said last, `meant` what it may say after a crash between counting and noting.
    db.execute(
        "CREATE TABLE second_keys (id INTEGER PRIMARY KEY, kind TEXT NOT NULL"
        " CHECK (kind IN ('tpm', 'software')), vkey TEXT NOT NULL UNIQUE, material TEXT NOT NULL,"
        " made REAL NOT NULL, ended REAL, counter INTEGER NOT NULL DEFAULT 0,"
        " meant INTEGER NOT NULL DEFAULT 0, counted REAL NOT NULL DEFAULT 0) STRICT"
    )
    db.execute(
        "CREATE TABLE witnesses (name TEXT PRIMARY KEY, vkey TEXT NOT NULL, added REAL NOT NULL)"
        " STRICT"
    )
    db.execute(
        "CREATE TABLE cosigned (size INTEGER PRIMARY KEY, note TEXT NOT NULL, root BLOB NOT NULL)"
        " STRICT"
    )
    # `outside` is 1 for a witness, 0 for a key of the box itself. `time` is what the cosigner states,
    # `taken` what the box's own clock said when it came.
    db.execute(
        "CREATE TABLE cosignatures (size INTEGER NOT NULL, vkey TEXT NOT NULL, line TEXT NOT NULL,"
        " time INTEGER NOT NULL, taken INTEGER NOT NULL, outside INTEGER NOT NULL, PRIMARY KEY (size, vkey)) STRICT"
    )
    db.execute("CREATE INDEX cosignatures_vkey ON cosignatures (vkey, size)")


MIGRATIONS: tuple[Migration, ...] = (Migration("witnesses.001-tables", _first),)
