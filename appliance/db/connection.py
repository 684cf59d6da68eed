"""One SQLCipher connection: raw key, write-ahead log, and errors turned into sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2 as sqlcipher

from appliance.db.errors import (
    DbConflict,
    DbDamaged,
    DbDiskFull,
    DbError,
    DbReadOnly,
    DbWrongKey,
)

KEY_BYTES: Final = 32
Connection = Any
"""A `sqlcipher3` connection; the library ships no types."""

DatabaseFailure = sqlcipher.Error
"""What the library raises; only this room and the audit store know it."""

_BUSY_MS: Final = 10_000
_CACHE_KIB: Final = 32 << 10
"""Most of a database that a connection keeps deciphered. SQLite's own 2 MiB are for pages that cost
nothing to read again; here each is deciphered and its code checked."""


def open_connection(path: Path, key: bytes, *, read_only: bool = False) -> Connection:
    """Open an encrypted database in autocommit mode, making the file if it is not there.

    The key is used as it is (a raw SQLCipher key), so no time goes into deriving it.
    `synchronous=FULL` makes each commit wait for the disk.

    Args:
        path: the database file; its directory exists.
        key: 32 bytes.
        read_only: refuse every write on this connection.

    Returns:
        A connection that any one thread at a time may use.

    Raises:
        DbError: the file cannot be opened, the key is wrong or the disk is full.
        ValueError: the key has another length.
    """
    if len(key) != KEY_BYTES:
        message = f"a database key has {KEY_BYTES} bytes, not {len(key)}"
        raise ValueError(message)
    with told(path):
        connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, key, read_only=read_only)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: Connection, key: bytes, *, read_only: bool) -> None:
    # PRAGMA key takes no bound parameter; sixty-four hexadecimal digits cannot carry SQL.
    connection.execute("PRAGMA key = \"x'" + key.hex() + "'\"")
    # Processors have instructions for SHA-256, not for SHA-512: reading takes half the time.
    connection.execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS:d}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB:d}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the library's errors inside the block into the errors of this room.

    Args:
        path: the database file, for the sentence.

    Raises:
        DbError: what the library raised, as a sentence.
    """
    try:
        yield
    except sqlcipher.Error as error:
        raise as_sentence(path, error) from error


def as_sentence(path: Path, error: BaseException) -> DbError:
    """The error of this room for one that the library raised.

    SQLCipher's Python binding carries no result codes, so its fixed English texts decide.
    """
    text = str(error)
    if isinstance(error, sqlcipher.IntegrityError):
        return DbConflict(path=path, reason=text)
    if "database or disk is full" in text:
        return DbDiskFull(path=path)
    if "readonly database" in text:
        return DbReadOnly(path=path)
    if "file is not a database" in text or "file is encrypted" in text:
        return DbWrongKey(path=path)
    if "malformed" in text:
        return DbDamaged(path=path)
    return DbError(path=path, reason=text)
