"""The SQL of the sign-in room: outside people, the box's secrets at directories, certificates."""

from dataclasses import asdict, dataclass

from appliance.db.database import Db


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who came from a directory.

    Attributes:
        name: Their name in the box.
        source: "ldap" or "oidc".
        subject: What the directory never gives to another: entryUUID, objectGUID or `sub`.
        role: Their role at the last look.
        checked: Unix time of the last look that found them, in seconds.
        until: Unix time at which their last session ends, in seconds; 0 once it was ended.
    """

    name: str
    source: str
    subject: str
    role: str
    checked: float
    until: float


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that the box issued to a program; times are Unix seconds.

    Attributes:
        fingerprint: SHA-256 of its DER, 64 hexadecimal digits.
        name: A label for people.
        key_id: The API key whose rights it has.
        created: When it was issued.
        expires: When it ends.
        revoked: When it was revoked, or None.
    """

    fingerprint: str
    name: str
    key_id: str
    created: float
    expires: float
    revoked: float | None


class SignInStore:
    """Rows of the sign-in room. Every call is synchronous and one transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def people(self) -> list[KnownPerson]:
        """Return everybody who ever came from a directory, by name."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM signin_people ORDER BY name"))
        return [KnownPerson(**row) for row in rows]

    def remember(self, person: KnownPerson) -> None:
        """Insert a person, or replace what is known of them."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM signin_people WHERE name = ?", [person.name])
            tx.table("signin_people").insert(asdict(person))

    def forget(self, name: str) -> None:
        """Delete a person; their name is free for another."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM signin_people WHERE name = ?", [name])

    def secret(self, way: str) -> str | None:
        """Return the box's own secret at a directory; the database is encrypted."""
        with self._db.read() as db:
            rows = list(db.query("SELECT value FROM signin_secrets WHERE way = ?", [way]))
        return rows[0]["value"] if rows else None

    def set_secret(self, way: str, value: str, at: float) -> None:
        """Replace that secret; an empty one deletes it."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM signin_secrets WHERE way = ?", [way])
            if value:
                tx.execute("INSERT INTO signin_secrets VALUES (?, ?, ?)", [way, value, at])

    def add_certificate(self, certificate: ClientCertificate) -> None:
        """Insert a client certificate."""
        with self._db.write() as tx:
            tx.table("signin_certificates").insert(asdict(certificate))

    def revoke_certificate(self, fingerprint: str, at: float) -> bool:
        """Mark a client certificate revoked; False when it was unknown or revoked before."""
        with self._db.write() as tx:
            cursor = tx.execute(
                "UPDATE signin_certificates SET revoked = ?"
                " WHERE fingerprint = ? AND revoked IS NULL",
                [at, fingerprint],
            )
            return cursor.rowcount == 1

    def certificates(self) -> list[ClientCertificate]:
        """Return every client certificate ever issued, oldest first."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM signin_certificates ORDER BY created, fingerprint"))
        return [ClientCertificate(**row) for row in rows]
