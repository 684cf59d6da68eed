"""Migrations of a database: named steps, applied once each and in order."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from appliance.db.errors import DbMigrationUnknown

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    id TEXT PRIMARY KEY,
    applied TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a database's shape.

    Args:
        id: unique and lasting, "<room>.<number>-<what>".
        apply: changes the tables; runs inside a transaction that also records the step.
    """

    id: str
    apply: Callable[[Database], None]


def migrate(
    database: Database,
    migrations: Iterable[Migration],
    path: Path,
    clock: Callable[[], datetime],
    beyond: Callable[[Any, Sequence[str]], None] | None = None,
) -> tuple[str, ...]:
    """Apply what is missing, each step in a transaction of its own.

    Args:
        database: the open database, outside a transaction.
        migrations: all steps that this version knows, in order.
        path: the file, for the sentence.
        clock: the time that is recorded.
        beyond: judges the connection and the steps on it that this version does not know; may raise.

    Returns:
        The ids of the steps applied now.

    Raises:
        DbMigrationUnknown: the file holds a step that this version does not know.
    """
    steps = tuple(migrations)
    if len({step.id for step in steps}) != len(steps):
        message = "two migrations have the same id"
        raise ValueError(message)
    database.conn.execute(_TABLE)
    done = applied(database.conn)
    unknown = sorted(done - {step.id for step in steps})
    if unknown and beyond is None:
        raise DbMigrationUnknown(path=path, migration=unknown[0])
    if unknown and beyond is not None:
        beyond(database.conn, unknown)
    missing = [step for step in steps if step.id not in done]
    for step in missing:
        with database.atomic():
            step.apply(database)
            database.conn.execute(
                "INSERT INTO schema_migrations (id, applied) VALUES (?, ?)",
                (step.id, clock().astimezone(UTC).isoformat()),
            )
    return tuple(step.id for step in missing)


def applied(connection: Any) -> frozenset[str]:
    """The ids of the steps that an open database has had; none where it never had any."""
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'"
    if not connection.execute(tables).fetchone()[0]:
        return frozenset()
    return frozenset(str(row[0]) for row in connection.execute("SELECT id FROM schema_migrations"))
