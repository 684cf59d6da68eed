"""A new key for a database: a copy is encrypted anew, tried, and put in the place of the old one."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlcipher3 import dbapi2 as sqlcipher

from appliance.db.connection import Connection, told
from appliance.db.copying import copy_file, fold, sync
from appliance.db.errors import DbDamaged, DbError, DbWrongKey

_PART: Final = ".rekey"


def rekey(path: Path, old: bytes, new: bytes) -> bool:
    """Encrypt a database that nobody has open under a new key.

    The old file stays untouched until the copy is whole, tried and durable; then one rename changes
    them over. A process that is killed anywhere leaves a file that opens with one of the two keys,
    and the call can be repeated. It needs as much room as the database has.

    Args:
        path: the file.
        old: 32 bytes.
        new: 32 bytes.

    Returns:
        False when there is no such file, or it has the new key already.

    Raises:
        DbError: the file does not open with either key, is damaged, or the disk is full; it is as
            it was.
    """
    part = path.with_name(path.name + _PART)
    if not path.exists() or opens(path, new):
        return False
    try:
        # A log under the old key must not meet the new file.
        fold(path, old)
        copy_file(path, part)
        _encrypt(part, old, new)
        part.replace(path)
        sync(path.parent)
    except OSError as error:
        raise DbError(path=path, reason=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def opens(path: Path, key: bytes) -> bool:
    """Whether a key opens a database.

    Raises:
        DbError: it cannot be read at all.
    """
    connection = sqlcipher.connect(str(path), isolation_level=None)
    try:
        with told(path):
            # A wrong key is expected here and nothing to be told on stderr.
            connection.execute("PRAGMA cipher_log_level = NONE")
            _key(connection, key)
    except DbWrongKey:
        return False
    finally:
        connection.close()
    return True


def _encrypt(part: Path, old: bytes, new: bytes) -> None:
    with told(part):
        connection = sqlcipher.connect(str(part), isolation_level=None)
        try:
            _key(connection, old)
            # The copy can be made again, so it needs no journal of its own.
            connection.execute("PRAGMA journal_mode = OFF").fetchone()
            connection.execute("PRAGMA rekey = \"x'" + new.hex() + "'\"")
        finally:
            connection.close()
        connection = sqlcipher.connect(str(part), isolation_level=None)
        try:
            _key(connection, new)
            if connection.execute("PRAGMA cipher_integrity_check").fetchone() is not None:
                raise DbDamaged(path=part)
        finally:
            connection.close()
    sync(part)


def _key(connection: Connection, key: bytes) -> None:
    # PRAGMA key takes no bound parameter; sixty-four hexadecimal digits cannot carry SQL.
    connection.execute("PRAGMA key = \"x'" + key.hex() + "'\"")
    connection.execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
