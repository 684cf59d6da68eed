"""Steps that only widen a database, so that a version that does not know them goes on writing it.

Such a step adds columns that may be left out, tables of its own and indexes that refuse nothing. Its
id says so, and holds a digest of its statements: `audit.003+stars.0f1e2d3c4b5a`. A version that finds
one that it does not know looks at the tables themselves before it believes that.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2 as sqlcipher
from sqlite_utils import Database

from appliance.db.connection import Connection, as_sentence
from appliance.db.errors import DbError, DbMigrationUnknown
from appliance.db.migration import Migration, migrate

_ID: Final = re.compile(r"([a-z]+\.\d+\+[a-z0-9-]+)\.([0-9a-f]{12})")
_NAME: Final = r"[a-z][a-z0-9_]*"
_COLUMN: Final = (
    rf"{_NAME} (?:INTEGER(?: (?:NOT NULL )?DEFAULT -?\d{{1,18}})?"
    r"|TEXT(?: (?:NOT NULL )?DEFAULT '[^']*')?|REAL|BLOB)"
)
_ADD: Final = re.compile(rf"ALTER TABLE {_NAME} ADD COLUMN {_COLUMN}")
_TABLE: Final = re.compile(rf"CREATE TABLE ({_NAME}) \((.+)\) STRICT(?:, WITHOUT ROWID)?")
_INDEX: Final = re.compile(
    rf"CREATE INDEX {_NAME} ON {_NAME} \({_NAME}(?:, {_NAME})*\)(?: WHERE {_NAME} IS NOT NULL)?"
)
_SEED: Final = re.compile(
    rf"INSERT INTO ({_NAME}) \([a-z0-9_, ]+\) VALUES \([0-9, ]+\)"  # noqa: S608  # a form, not SQL
)
_BOUND: Final = re.compile(r"REFERENCES|SELECT|TRIGGER|;", re.IGNORECASE)
_ADDED: Final = re.compile(rf"(?:, {_COLUMN})*")
_OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_STARS: Final = re.compile(r"(?<!\()\*(?!\))")
_MAKES: Final = re.compile(r"\s*(?:CREATE|ALTER|DROP|INSERT INTO)\s")
_FRESH: Final = count()
_DIGITS: Final = 12


class NotWidening(ValueError):
    """A statement that an older version could not live with; its text says which."""


def widening(name: str, *statements: str) -> Migration:
    """A step that a version from before it can go on with.

    Args:
        name: unique and lasting, "<room>.<number>+<what>".
        statements: additions alone; see `require_widening`.

    Raises:
        NotWidening: one of them does more than add.
    """
    require_widening(statements)

    def apply(database: Database) -> None:
        for statement in statements:
            database.conn.execute(statement)

    return Migration(f"{name}.{digest_of(statements)}", apply)


def digest_of(statements: Iterable[str]) -> str:
    """What the id of a step holds of its statements."""
    return sha256("\n".join(map(_plain, statements)).encode()).hexdigest()[:_DIGITS]


def widens(step: str) -> bool:
    """Whether an id is that of a step that only widens."""
    return _ID.fullmatch(step) is not None


def require_widening(statements: Sequence[str], step: str | None = None) -> None:
    """Judge the statements of a step by their text alone.

    Allowed are `ALTER TABLE t ADD COLUMN c TYPE` with a plain default or none, `CREATE TABLE` that
    refers to no other, `CREATE INDEX` over columns that is not unique, and numbers as the first rows of
    a table of the same step.

    Args:
        statements: in order.
        step: the id, where its digest is to be compared.

    Raises:
        NotWidening: they do more, or are not those that the id was made of.
    """
    made: set[str] = set()
    for statement in map(_plain, statements):
        table, seed = _TABLE.fullmatch(statement), _SEED.fullmatch(statement)
        if table is not None and not _BOUND.search(statement):
            made.add(table[1])
        elif not (
            _ADD.fullmatch(statement)
            or _INDEX.fullmatch(statement)
            or (seed is not None and seed[1] in made)
        ):
            raise NotWidening(statement)
    found = None if step is None else _ID.fullmatch(step)
    if step is not None and (found is None or found[2] != digest_of(statements)):
        raise NotWidening(step)


def migrate_widely(
    database: Database,
    migrations: Iterable[Migration],
    path: Path,
    clock: Callable[[], datetime],
) -> tuple[str, ...]:
    """As `migrate`, but go on with what a later version has widened.

    Raises:
        DbMigrationUnknown: the file holds a step that this version does not know and cannot go on with.
    """
    steps = tuple(migrations)

    def judge(connection: Connection, unknown: Sequence[str]) -> None:
        require_wider(connection, path, steps, unknown)

    return migrate(database, steps, path, clock, beyond=judge)


def require_wider(
    connection: Connection, path: Path, migrations: Iterable[Migration], unknown: Sequence[str]
) -> None:
    """Look whether a database is what this version knows, and more.

    Args:
        connection: open.
        path: the file, for the sentence.
        migrations: all steps that this version knows, in order.
        unknown: ids of the steps that are there and that it does not know.

    Raises:
        DbMigrationUnknown: it is not, or one of the steps does not say so.
    """
    for step in unknown:
        if not widens(step):
            raise DbMigrationUnknown(path=path, migration=step)
    known = [step for step in migrations if not widens(step.id)]
    if unknown and not _is_wider(_objects(connection), _made_by(known)):
        raise DbMigrationUnknown(path=path, migration=unknown[0])


def explain(connection: Connection, statements: Iterable[str]) -> None:
    """Have each statement prepared, none of them run.

    Raises:
        NotWidening: the database does not take it as it is, or it names no columns.
    """
    for statement in statements:
        if _STARS.search(statement):
            raise NotWidening(statement)
        try:
            values = (None,) * statement.count("?")
            # A text of its own each time: an explanation that was kept from before a step crashes.
            text = f"EXPLAIN QUERY PLAN {statement} -- {next(_FRESH)}"
            connection.execute(text, values).fetchall()
        except sqlcipher.Error as error:
            message = f"{_plain(statement)[:200]}: {error}"
            raise NotWidening(message) from error


def prove(
    connection: Connection, path: Path, steps: Iterable[Migration], look: Callable[[], object]
) -> None:
    """Carry steps out on a database as it is, look at it before and after each, and take all back.

    Args:
        connection: the writing one, outside a transaction; nobody else writes.
        path: the file, for the sentence.
        steps: what to try.
        look: what it finds must stay the same; may raise.

    Raises:
        DbError: a step fails on what the database holds, or the disk has no room for it.
        NotWidening: something else is found after a step than before.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        before = look()
        for step in steps:
            step.apply(Database(connection, execute_plugins=False))
            if look() != before:
                raise NotWidening(step.id)
    except sqlcipher.Error as error:
        raise as_sentence(path, error) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def in_memory(statements: Iterable[str]) -> Any:
    """A database without a file, made by statements; to be closed. Raises NotWidening."""
    connection = sqlcipher.connect(":memory:", isolation_level=None)
    try:
        carry_out(connection, "", statements)
    except NotWidening:
        connection.close()
        raise
    return connection


def carry_out(connection: Connection, step: str, statements: Iterable[str]) -> None:
    """Carry out what a step says. Raises NotWidening where the database refuses it."""
    for statement in statements:
        if not _MAKES.match(statement):
            # Whatever reaches for another file (ATTACH, VACUUM INTO) makes no table.
            raise NotWidening(statement)
        try:
            connection.execute(statement)
        except sqlcipher.Error as error:
            # One that a release taken back has left there already, say.
            message = f"{step} {_plain(statement)[:200]}: {error}"
            raise NotWidening(message) from error


def _made_by(migrations: Iterable[Migration]) -> dict[str, tuple[str, str, str]]:
    with closing(sqlcipher.connect(":memory:", isolation_level=None)) as connection:
        for step in migrations:
            step.apply(Database(connection, execute_plugins=False))
        return _objects(connection)


def _objects(connection: Connection) -> dict[str, tuple[str, str, str]]:
    """Kind, table and text of everything that was made, by its name."""
    try:
        rows = connection.execute(_OBJECTS).fetchall()
    except sqlcipher.Error as error:
        raise DbError(path="sqlite_master", reason=str(error)) from error
    return {str(name): (str(kind), str(table), _plain(sql)) for kind, name, table, sql in rows}


def _is_wider(
    found: dict[str, tuple[str, str, str]], known: dict[str, tuple[str, str, str]]
) -> bool:
    tables = {name: text for name, (kind, _, text) in known.items() if kind == "table"}
    if any(name not in found for name in tables):
        return False
    return all(_fits(name, *one, known, tables) for name, one in found.items())


def _fits(  # one row of `sqlite_master` beside what is known
    name: str,
    kind: str,
    table: str,
    text: str,
    known: dict[str, tuple[str, str, str]],
    tables: dict[str, str],
) -> bool:
    if name in tables:
        return kind == "table" and _widened(text, tables[name])
    if known.get(name) == (kind, table, text):
        return True
    if kind == "table":
        return not _BOUND.search(text)
    return kind == "index" and (table not in tables or _INDEX.fullmatch(text) is not None)


def _widened(text: str, base: str) -> bool:
    """Whether the text of a table is the one that is known with more columns behind it."""
    body, _, tail = base.rpartition(")")
    body = body.rstrip()
    if not (text.startswith(body) and text.endswith(f"){tail}")):
        return False
    more = text[len(body) : len(text) - len(tail) - 1].strip()
    return _ADDED.fullmatch(more) is not None


def _plain(statement: str) -> str:
    return " ".join(statement.split())
