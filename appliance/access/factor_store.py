"""The SQL of second factors: secrets of one-time codes and hashed recovery codes."""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.db.database import Db


@dataclass(frozen=True, slots=True)
class StoredFactor:
    """A person's second factor.

    Attributes:
        secret: the shared secret, 20 bytes.
        confirmed: when a first code proved that the person has it, Unix seconds; None before.
        step: the last time step whose code was accepted; codes up to it are used up.
    """

    secret: bytes
    confirmed: float | None
    step: int


class FactorStore:
    """Rows of second factors."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def get(self, name: str) -> StoredFactor | None:
        """Return a person's factor, confirmed or not, or None."""
        with self._db.read() as db:
            rows = list(
                db.query("SELECT secret, confirmed, step FROM access_totp WHERE name = ?", [name])
            )
        return StoredFactor(**rows[0]) if rows else None

    def begin(self, name: str, secret: bytes, at: float) -> bool:
        """Keep a new secret until it is confirmed; False when one is confirmed already."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_totp WHERE name = ? AND confirmed IS NULL", [name])
            cursor = tx.execute(
                "INSERT OR IGNORE INTO access_totp VALUES (?, ?, ?, NULL, -1)", [name, secret, at]
            )
            return cursor.rowcount == 1

    def confirm(self, name: str, at: float) -> None:
        """Mark a factor confirmed."""
        with self._db.write() as tx:
            tx.execute("UPDATE access_totp SET confirmed = ? WHERE name = ?", [at, name])

    def spend(self, name: str, step: int) -> bool:
        """Use up every code to this time step; False when this one was used up before."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE access_totp SET step = ? WHERE name = ? AND step < ?", [step, name, step]
            )
            return cursor.rowcount == 1

    def remove(self, name: str) -> bool:
        """Forget a person's factor and recovery codes; False when they had none."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_recovery WHERE name = ?", [name])
            return bool(tx.execute("DELETE FROM access_totp WHERE name = ?", [name]).rowcount)

    def set_recovery(self, name: str, codes: Iterable[tuple[bytes, bytes]]) -> None:
        """Replace a person's recovery codes by new ones, each (salt, digest)."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_recovery WHERE name = ?", [name])
            for salt, digest in codes:
                tx.execute("INSERT INTO access_recovery VALUES (?, ?, ?)", [name, salt, digest])

    def recovery(self, name: str) -> list[tuple[bytes, bytes]]:
        """Return (salt, digest) of the recovery codes that are left."""
        with self._db.read() as db:
            rows = list(db.query("SELECT salt, digest FROM access_recovery WHERE name = ?", [name]))
        return [(row["salt"], row["digest"]) for row in rows]

    def spend_recovery(self, name: str, digest: bytes) -> bool:
        """Use a recovery code up; False when somebody was faster."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "DELETE FROM access_recovery WHERE name = ? AND digest = ?", [name, digest]
            )
            return cursor.rowcount == 1
