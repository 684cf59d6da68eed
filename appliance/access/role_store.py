"""The SQL of roles and service accounts."""

import json
from dataclasses import asdict, dataclass

from appliance.access.grants import AccountView
from appliance.db.database import Db


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A role of the hospital's own, or what was set for a built-in one (`scopes` None then)."""

    name: str
    scopes: frozenset[str] | None
    totp: bool


class RoleStore:
    """Rows of roles."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def all(self) -> list[StoredRole]:
        """Return every row, by name."""
        with self._db.read() as db:
            rows = list(db.query("SELECT name, scopes, totp FROM access_roles ORDER BY name"))
        return [
            StoredRole(
                row["name"],
                None if row["scopes"] is None else frozenset(json.loads(row["scopes"])),
                bool(row["totp"]),
            )
            for row in rows
        ]

    def put(self, role: StoredRole) -> None:
        """Insert or replace a row."""
        scopes = None if role.scopes is None else json.dumps(sorted(role.scopes))
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO access_roles VALUES (?, ?, ?)",
                [role.name, scopes, role.totp],
            )

    def remove(self, name: str) -> None:
        """Delete a row."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_roles WHERE name = ?", [name])


class AccountStore:
    """Rows of service accounts."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, account: AccountView) -> bool:
        """Insert an account; False when the name is taken."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "INSERT OR IGNORE INTO access_accounts (name, role, note, created, disabled)"
                " VALUES (:name, :role, :note, :created, :disabled)",
                asdict(account),
            )
            return cursor.rowcount == 1

    def get(self, name: str) -> AccountView | None:
        """Return an account, or None."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_accounts WHERE name = ?", [name]))
        return AccountView(**rows[0]) if rows else None

    def all(self) -> list[AccountView]:
        """Return every account, by name."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_accounts ORDER BY name"))
        return [AccountView(**row) for row in rows]

    def put(self, account: AccountView) -> None:
        """Replace role and standing of an account."""
        with self._db.write() as tx:
            tx.execute(
                "UPDATE access_accounts SET role = ?, disabled = ? WHERE name = ?",
                [account.role, account.disabled, account.name],
            )

    def remove(self, name: str, at: float) -> None:
        """Delete an account; its keys are revoked."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_accounts WHERE name = ?", [name])
            tx.execute(
                "UPDATE access_keys SET revoked = ? WHERE owner = ? AND revoked IS NULL",
                [at, "account:" + name],
            )
