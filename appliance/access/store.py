"""The SQL of the access room: people, keys, sessions, failures and usage."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from appliance.access.grants import KeyView, UserView
from appliance.access.limits import Limits
from appliance.db.database import Db

LIMIT_FIELDS: Final = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it lies in the database: its public view and the salted hash of its secret."""

    view: KeyView
    salt: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it lies in the database; times are Unix seconds."""

    id: str
    name: str
    salt: bytes
    digest: bytes
    expires: float
    seen: float


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed sign-ins under one name; times are Unix seconds."""

    count: int
    last: float
    locked_until: float


class AccessStore:
    """Rows of the access room. Every call is synchronous and one transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db

    @contextmanager
    def change(self) -> Iterator[None]:
        """Join every call inside into one transaction, undone when the block raises."""
        with self._db.write():
            yield

    # People -------------------------------------------------------------------------------------

    def add_user(self, name: str, role: str, password: str, created: float) -> bool:
        """Insert a person; False when the name is taken."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "INSERT OR IGNORE INTO access_users (name, role, password, created)"
                " VALUES (?, ?, ?, ?)",
                [name, role, password, created],
            )
            return cursor.rowcount == 1

    def user(self, name: str) -> tuple[str, str] | None:
        """Return (role, password hash) of a person, or None."""
        with self._db.read() as db:
            rows = list(db.query("SELECT role, password FROM access_users WHERE name = ?", [name]))
        return (rows[0]["role"], rows[0]["password"]) if rows else None

    def users(self, now: float) -> list[UserView]:
        """Return every person, by name; `now` decides who is locked out."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT u.name, u.role, u.created, coalesce(f.locked_until, 0) > ? AS locked"
                    " FROM access_users u LEFT JOIN access_attempts f ON f.kind = 'name' AND f.name = u.name"
                    " ORDER BY u.name",
                    [now],
                )
            )
        return [
            UserView(row["name"], row["role"], row["created"], bool(row["locked"])) for row in rows
        ]

    def set_password(self, name: str, password: str) -> None:
        """Replace a person's password hash and end their sessions."""
        with self._db.write() as tx:
            tx.execute("UPDATE access_users SET password = ? WHERE name = ?", [password, name])
            tx.execute("DELETE FROM access_sessions WHERE name = ?", [name])

    def upgrade_password(self, name: str, password: str) -> None:
        """Replace the hash of the same password; sessions live on."""
        with self._db.write() as tx:
            tx.execute("UPDATE access_users SET password = ? WHERE name = ?", [password, name])

    def set_role(self, name: str, role: str | None, at: float) -> list[str]:
        """Change a person's role (None removes them); return the ids of their keys, now revoked."""
        owner = f"user:{name}"
        with self._db.write() as tx:
            if role is None:
                tx.execute("DELETE FROM access_users WHERE name = ?", [name])
            else:
                tx.execute("UPDATE access_users SET role = ? WHERE name = ?", [role, name])
            tx.execute("DELETE FROM access_sessions WHERE name = ?", [name])
            rows = list(
                tx.query("SELECT id FROM access_keys WHERE owner = ? AND revoked IS NULL", [owner])
            )
            tx.execute(
                "UPDATE access_keys SET revoked = ? WHERE owner = ? AND revoked IS NULL",
                [at, owner],
            )
        return [row["id"] for row in rows]

    # Failures -----------------------------------------------------------------------------------

    def failures(self, name: str) -> Failures:
        """Return the failed sign-ins counted under a name, known or not."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT * FROM access_attempts WHERE kind = 'name' AND name = ?", [name])
            )
        if not rows:
            return Failures(0, 0.0, 0.0)
        return Failures(rows[0]["count"], rows[0]["last"], rows[0]["locked_until"])

    def set_failures(self, name: str, failures: Failures, forget_before: float) -> None:
        """Store a count, and forget names not tried since `forget_before`."""
        with self._db.write() as tx:
            tx.execute(
                "DELETE FROM access_attempts WHERE last < ? AND locked_until < ?",
                [forget_before, forget_before],
            )
            tx.execute(
                "INSERT OR REPLACE INTO access_attempts VALUES ('name', ?, ?, 0, ?, ?)",
                [name, failures.count, failures.last, failures.locked_until],
            )

    def clear_failures(self, name: str) -> None:
        """Forget the failures under a name."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_attempts WHERE kind = 'name' AND name = ?", [name])

    # Sessions -----------------------------------------------------------------------------------

    def add_session(self, session: StoredSession) -> None:
        """Insert a session."""
        with self._db.write() as tx:
            tx.table("access_sessions").insert(asdict(session))

    def drop_session(self, identity: str) -> None:
        """Delete a session."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_sessions WHERE id = ?", [identity])

    def drop_sessions_of(self, name: str) -> None:
        """Delete every session of a person."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_sessions WHERE name = ?", [name])

    def sessions(self, now: float) -> list[tuple[StoredSession, str]]:
        """Delete what has expired; return the live sessions, each with its person's role."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_sessions WHERE expires <= ?", [now])
            rows = list(
                tx.query(
                    "SELECT s.*, u.role FROM access_sessions s"
                    " JOIN access_users u ON u.name = s.name"
                )
            )
        roles = [row.pop("role") for row in rows]
        kept = ("id", "name", "salt", "digest", "expires", "seen")
        rows = [{name: row[name] for name in kept} for row in rows]
        return [(StoredSession(**row), role) for row, role in zip(rows, roles, strict=True)]

    # Keys ---------------------------------------------------------------------------------------

    def add_key(self, key: StoredKey) -> None:
        """Insert a key."""
        row = asdict(key.view) | {"salt": key.salt, "digest": key.digest}
        del row["state"]
        row |= row.pop("limits")
        row["scopes"] = json.dumps(sorted(key.view.scopes))
        row["models"] = None if key.view.models is None else json.dumps(sorted(key.view.models))
        with self._db.write() as tx:
            tx.table("access_keys").insert(row)

    def revoke_key(self, identity: str, at: float) -> bool:
        """Mark a key revoked; False when it was unknown or revoked before."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE access_keys SET revoked = ? WHERE id = ? AND revoked IS NULL",
                [at, identity],
            )
            return cursor.rowcount == 1

    def keys(self, now: float) -> list[StoredKey]:
        """Return every key ever made, oldest first; `now` decides which are expired."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_keys ORDER BY created, id"))
        return [_key(row, now) for row in rows]


def _key(row: dict[str, Any], now: float) -> StoredKey:
    if row["revoked"] is not None:
        state = "revoked"
    else:
        state = "expired" if row["expires"] is not None and row["expires"] <= now else "active"
    salt, digest = row.pop("salt"), row.pop("digest")
    row["limits"] = Limits(**{field: row.pop(field) for field in LIMIT_FIELDS})
    row["scopes"] = frozenset(json.loads(row["scopes"]))
    row["models"] = None if row["models"] is None else frozenset(json.loads(row["models"]))
    return StoredKey(KeyView(**row, state=state), salt, digest)
