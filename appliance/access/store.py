"""The SQL of people: accounts, passwords, sessions and failed sign-ins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from appliance.access.grants import UserView
from appliance.db.database import Db

_SESSION: Final = "SELECT id, name, salt, digest, expires, seen, created, source, method"


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A person as they lie in the database.

    Attributes:
        name: the name.
        role: the role.
        password: the argon2id hash; empty for people whom a directory vouches for.
        created: Unix seconds.
        disabled: since when, or None.
        changed: when the password was set, Unix seconds.
        temporary: 1 when the password has to be changed at the next sign-in.
        source: "local", or which directory vouches for them.
    """

    name: str
    role: str
    password: str
    created: float
    disabled: float | None
    changed: float
    temporary: int
    source: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it lies in the database; times are Unix seconds.

    `source` is the address it was opened from, `method` how the person was recognised.
    """

    id: str
    name: str
    salt: bytes
    digest: bytes
    expires: float
    seen: float
    created: float
    source: str | None
    method: str


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed sign-ins under one name or from one address; times are Unix seconds.

    `rounds` counts the lockouts in a row.
    """

    count: int
    rounds: int
    last: float
    locked_until: float


NO_FAILURES: Final = Failures(0, 0, 0.0, 0.0)


class AccessStore:
    """Rows of people. Every call is synchronous and one transaction, or joins an open one."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self.greet: Callable[[str], None] = _nobody_greets
        """Called with the name of everybody who is let in, in the transaction that does it."""

    @contextmanager
    def change(self) -> Iterator[None]:
        """Join every call inside into one transaction, undone when the block raises."""
        with self._db.write():
            yield

    # People -------------------------------------------------------------------------------------

    def add_user(self, user: StoredUser) -> bool:
        """Insert a person; False when the name is taken."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "INSERT OR IGNORE INTO access_users (name, role, password, created, disabled,"
                " changed, temporary, source) VALUES (:name, :role, :password, :created, :disabled,"
                " :changed, :temporary, :source)",
                asdict(user),
            )
            added = cursor.rowcount == 1
            if added:
                self.greet(user.name)
            return added

    def user(self, name: str) -> StoredUser | None:
        """Return a person, or None."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_users WHERE name = ?", [name]))
        return StoredUser(**rows[0]) if rows else None

    def users(self, now: float) -> list[UserView]:
        """Return every person, by name; `now` decides who is locked out."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT u.name, u.role, u.created, coalesce(f.locked_until, 0) > ? AS locked,"
                    " u.disabled IS NOT NULL AS disabled, t.confirmed IS NOT NULL AS totp,"
                    " u.source, u.changed FROM access_users u"
                    " LEFT JOIN access_attempts f ON f.kind = 'name' AND f.name = u.name"
                    " LEFT JOIN access_totp t ON t.name = u.name ORDER BY u.name",
                    [now],
                )
            )
        flags = ("locked", "disabled", "totp")
        return [UserView(**row | {flag: bool(row[flag]) for flag in flags}) for row in rows]

    def holders(self, role: str) -> list[str]:
        """Return the names of the people who have a role."""
        with self._db.read() as db:
            rows = list(db.query("SELECT name FROM access_users WHERE role = ?", [role]))
        return [row["name"] for row in rows]

    def set_password(self, name: str, password: str, at: float, *, temporary: bool) -> None:
        """Replace a person's password, remember the old one's hash and end their sessions."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO access_passwords SELECT name, password, ? FROM access_users"
                " WHERE name = ?",
                [at, name],
            )
            tx.execute(
                "UPDATE access_users SET password = ?, changed = ?, temporary = ? WHERE name = ?",
                [password, at, temporary, name],
            )
            tx.execute("DELETE FROM access_sessions WHERE name = ?", [name])

    def upgrade_password(self, name: str, password: str) -> None:
        """Replace the hash of the same password; sessions live on."""
        with self._db.write() as tx:
            tx.execute("UPDATE access_users SET password = ? WHERE name = ?", [password, name])

    def old_passwords(self, name: str, most: int) -> list[str]:
        """Return the hashes of a person's last passwords, newest first, the present one too."""
        with self._db.read() as db:
            present = list(db.query("SELECT password FROM access_users WHERE name = ?", [name]))
            rows = list(
                db.query(
                    "SELECT password FROM access_passwords WHERE name = ?"
                    " ORDER BY at DESC, rowid DESC LIMIT ?",
                    [name, most],
                )
            )
        return [row["password"] for row in (*present, *rows)][:most]

    def set_role(self, name: str, role: str, at: float) -> None:
        """Change a person's role; their sessions and keys end."""
        with self._db.write() as tx:
            tx.execute("UPDATE access_users SET role = ? WHERE name = ?", [role, name])
        self._end(name, at)

    def set_disabled(self, name: str, at: float | None, now: float) -> None:
        """Disable a person since `at`, or enable them (None); disabling ends their sessions."""
        with self._db.write() as tx:
            tx.execute("UPDATE access_users SET disabled = ? WHERE name = ?", [at, name])
            if at is not None:
                tx.execute("DELETE FROM access_sessions WHERE name = ?", [name])
            tx.execute("DELETE FROM access_sessions WHERE expires <= ?", [now])

    def remove_user(self, name: str, at: float) -> None:
        """Delete a person and whatever is theirs but what they used; their keys are revoked."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_users WHERE name = ?", [name])
            tx.execute("DELETE FROM access_passwords WHERE name = ?", [name])
            tx.execute("DELETE FROM access_totp WHERE name = ?", [name])
            tx.execute("DELETE FROM access_recovery WHERE name = ?", [name])
        self._end(name, at)

    def _end(self, name: str, at: float) -> None:
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_sessions WHERE name = ?", [name])
            tx.execute(
                "UPDATE access_keys SET revoked = ? WHERE owner = ? AND revoked IS NULL",
                [at, "user:" + name],
            )

    # Failures -----------------------------------------------------------------------------------

    def failures(self, kind: str, name: str) -> Failures:
        """Return the failed sign-ins under a "name", known or not, or from a "source"."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT count, rounds, last, locked_until FROM access_attempts"
                    " WHERE kind = ? AND name = ?",
                    [kind, name],
                )
            )
        return Failures(**rows[0]) if rows else NO_FAILURES

    def set_failures(self, kind: str, name: str, failures: Failures) -> None:
        """Store a count."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO access_attempts VALUES (?, ?, ?, ?, ?, ?)",
                [
                    kind,
                    name,
                    failures.count,
                    failures.rounds,
                    failures.last,
                    failures.locked_until,
                ],
            )

    def forget_failures(self, before: float, after: float) -> None:
        """Forget names and addresses not tried, and not locked, since `before`; all beyond `after`."""
        with self._db.write() as tx:
            tx.execute(
                "DELETE FROM access_attempts WHERE (last < :before AND locked_until < :before)"
                " OR max(last, locked_until) > :after",
                {"before": before, "after": after},
            )

    def clear_failures(self, kind: str, name: str) -> None:
        """Forget the failures of one name or address."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_attempts WHERE kind = ? AND name = ?", [kind, name])

    # Sessions -----------------------------------------------------------------------------------

    def add_session(self, session: StoredSession) -> None:
        """Insert a session."""
        with self._db.write() as tx:
            tx.table("access_sessions").insert(asdict(session))

    def drop_session(self, identity: str) -> bool:
        """Delete a session; False when there is none."""
        with self._db.write() as tx:
            cursor = tx.execute("DELETE FROM access_sessions WHERE id = ?", [identity])
            return cursor.rowcount == 1

    def drop_others(self, name: str, kept: str) -> None:
        """Delete the sessions of a person but one."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_sessions WHERE name = ? AND id <> ?", [name, kept])

    def sessions(self, now: float, name: str | None = None) -> list[StoredSession]:
        """Return the sessions that have not expired, of everybody or of one person."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    _SESSION + " FROM access_sessions WHERE expires > ? AND (name = ? OR ? IS NULL)"
                    " ORDER BY created, id",
                    [now, name, name],
                )
            )
        return [StoredSession(**row | {"method": row["method"] or "password"}) for row in rows]

    def forget_sessions(self, now: float) -> None:
        """Delete what has expired."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_sessions WHERE expires <= ?", [now])


def _nobody_greets(_: str) -> None:
    """Nobody waits for new people."""
