"""The SQL of API keys."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from appliance.access.grants import KeyView
from appliance.access.limits import Limits
from appliance.db.database import Db

_LIMITS: Final = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it lies in the database: its public view and the salted hash of its secret."""

    view: KeyView
    salt: bytes
    digest: bytes


class KeyStore:
    """Rows of API keys. Every call is synchronous and one transaction, or joins an open one."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, key: StoredKey) -> None:
        """Insert a key."""
        row = asdict(key.view) | {"salt": key.salt, "digest": key.digest}
        del row["state"]
        row |= row.pop("limits")
        row["scopes"] = json.dumps(sorted(key.view.scopes))
        row["models"] = None if key.view.models is None else json.dumps(sorted(key.view.models))
        with self._db.write() as tx:
            tx.table("access_keys").insert(row)

    def revoke(self, identity: str, at: float) -> bool:
        """Mark a key revoked; False when it was unknown or revoked before."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE access_keys SET revoked = ? WHERE id = ? AND revoked IS NULL",
                [at, identity],
            )
            return cursor.rowcount == 1

    def set_limits(self, identity: str, limits: Limits) -> bool:
        """Replace the limits of a key that is not revoked; False when there is none."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE access_keys SET rpm = :rpm, tpm = :tpm, rpd = :rpd, tpd = :tpd,"
                " rpmo = :rpmo, tpmo = :tpmo WHERE id = :id AND revoked IS NULL",
                asdict(limits) | {"id": identity},
            )
            return cursor.rowcount == 1

    def get(self, identity: str, now: float) -> StoredKey | None:
        """Return one key; `now` decides whether it is expired."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_keys WHERE id = ?", [identity]))
        return _key(rows[0], now) if rows else None

    def of_owner(self, owner: str, now: float) -> list[StoredKey]:
        """Return the keys of one owner, oldest first."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT * FROM access_keys WHERE owner = ? ORDER BY created, id", [owner])
            )
        return [_key(row, now) for row in rows]

    def all(self, now: float) -> list[StoredKey]:
        """Return every key ever made, oldest first."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM access_keys ORDER BY created, id"))
        return [_key(row, now) for row in rows]


def _key(row: dict[str, Any], now: float) -> StoredKey:
    if row["revoked"] is not None:
        state = "revoked"
    else:
        state = "expired" if row["expires"] is not None and row["expires"] <= now else "active"
    salt, digest = row.pop("salt"), row.pop("digest")
    row["limits"] = Limits(**{field: row.pop(field) for field in _LIMITS})
    row["scopes"] = frozenset(json.loads(row["scopes"]))
    row["models"] = None if row["models"] is None else frozenset(json.loads(row["models"]))
    return StoredKey(KeyView(**row, state=state), salt, digest)
