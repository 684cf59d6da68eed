"""The tables of the audit log's database, and the SQL that fills them in bulk."""

from typing import Final

from sqlite_utils import Database

from appliance.db.migration import Migration

_TABLES: Final = (
    """
    CREATE TABLE entries (
        idx INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        tag TEXT NOT NULL,
        actor TEXT NOT NULL,
        request TEXT,
        receipt TEXT,
        leaf BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX entries_request ON entries (request) WHERE request IS NOT NULL",
    "CREATE INDEX entries_receipt ON entries (receipt) WHERE receipt IS NOT NULL",
    """
    CREATE TABLE tiles (
        id INTEGER PRIMARY KEY,
        root BLOB NOT NULL,
        hashes BLOB NOT NULL
    ) STRICT
    """,
    # Which tags and actors the 256 entries of a tile name: an index over tags or actors would
    # touch one page for each of them in every commit, which costs more than the entries do.
    """
    CREATE TABLE summaries (
        tile INTEGER PRIMARY KEY,
        words TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        size INTEGER NOT NULL,
        peaks BLOB NOT NULL,
        note TEXT NOT NULL,
        boot TEXT NOT NULL,
        time INTEGER NOT NULL,
        clean INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE checkpoints (
        size INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        note TEXT NOT NULL
    ) STRICT
    """,
)


def _first_shape(database: Database) -> None:
    for statement in _TABLES:
        database.conn.execute(statement)


# A closed segment lies in bundles and is found by its postings; its rows leave `entries`.
_CLOSED: Final = (
    """
    CREATE TABLE extent (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        first INTEGER NOT NULL,
        closed INTEGER NOT NULL
    ) STRICT
    """,
    "INSERT INTO extent (id, first, closed) VALUES (1, 0, 0)",
    """
    CREATE TABLE bundles (
        id INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE postings (
        term INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (term, segment)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE tags (tag TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE archives (
        first INTEGER PRIMARY KEY,
        end INTEGER NOT NULL,
        name TEXT NOT NULL,
        place TEXT NOT NULL,
        digest TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        made INTEGER NOT NULL
    ) STRICT
    """,
    # The postings do its work, and no commit pays for them.
    "DROP TABLE summaries",
)


def _closed_segments(database: Database) -> None:
    for statement in _CLOSED:
        database.conn.execute(statement)


MIGRATIONS: Final = (
    Migration("audit.001-log", _first_shape),
    Migration("audit.002-closed", _closed_segments),
)

LEAN: Final = ("DROP INDEX IF EXISTS entries_request", "DROP INDEX IF EXISTS entries_receipt")
"""What every opening does: two pages less in every commit, since who searches knows these few ids.

No migration tells of it, because none must: a release that was taken back opens such a log as well.
"""

COLUMNS: Final = 7
LARGEST_INSERT: Final = 256

_ROW = "(?, ?, ?, ?, ?, ?, ?)"
_INSERT = "INSERT INTO entries (idx, time, tag, actor, request, receipt, leaf) VALUES "

INSERTS: Final = {
    count: _INSERT + ", ".join([_ROW] * count)
    for count in (1 << power for power in range(LARGEST_INSERT.bit_length()))
}
"""Insert statements by number of rows: 1, 2, 4 ... 256.

One statement for many rows gives the interpreter lock away once, not once for each row; next to a
busy event loop that is the difference between one and a hundred milliseconds.
"""
