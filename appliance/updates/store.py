"""The SQL of the updates room: what was seen on sticks, what is installed, which roots are on record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.db.database import Db
from appliance.updates.pace import Measure


@dataclass(frozen=True, slots=True)
class Seen:
    """One bundle and what became of it.

    Attributes:
        id: Its id; "none" when the stick held nothing that has one.
        kind: What it holds: "models", or several kinds with commas.
        subject: The ids of its packages.
        version: Their versions, in the same order.
        state: "verified", "refused", "applied", "staged", "reverted" or "rolled-back".
        time: When this happened, in UTC.
        sentence: What happened, Chinese first.
    """

    id: str
    kind: str
    subject: str
    version: str
    state: str
    time: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class Installed:
    """A version of a package that a stick brought.

    Attributes:
        kind: Of the package.
        package_id: Its id.
        version: Its version.
        content: Digest of its content.
        token: What its kind calls this version.
        bundle: The bundle that brought it.
        time: When, in UTC.
        manifest: The signed manifest.
    """

    kind: str
    package_id: str
    version: str
    content: str
    token: str
    bundle: str
    time: datetime
    manifest: bytes


class UpdateStore:
    """History, newest last, and what is installed with the version before it."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, seen: Seen, actor: str, code: str | None = None) -> None:
        """Insert what happened."""
        row = [seen.id, seen.kind, seen.subject, seen.version, seen.state, seen.time.isoformat()]
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO update_history"
                " (bundle, kind, subject, version, state, time, actor, code, sentence)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [*row, actor, code, seen.sentence],
            )

    def newest(self, limit: int) -> tuple[Seen, ...]:
        """Return the history, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT bundle, kind, subject, version, state, time, sentence"
                    " FROM update_history ORDER BY number DESC LIMIT ?",
                    [limit],
                )
            )
        return tuple(
            Seen(
                id=row["bundle"],
                kind=row["kind"],
                subject=row["subject"],
                version=row["version"],
                state=row["state"],
                time=datetime.fromisoformat(row["time"]),
                sentence=row["sentence"],
            )
            for row in rows
        )

    # Packages -----------------------------------------------------------------------------------

    def installed(self) -> tuple[Installed, ...]:
        """Return what is installed, by kind and id."""
        return self._packages("current")

    def before(self) -> tuple[Installed, ...]:
        """Return the versions before those that are installed, by kind and id."""
        return self._packages("previous")

    def follow(self, rows: tuple[Installed, ...]) -> None:
        """Make each of these the installed one; what was installed becomes the one before."""
        with self._db.write() as tx:
            for one in rows:
                key = [one.kind, one.package_id]
                tx.execute(
                    "DELETE FROM update_packages WHERE kind = ? AND id = ? AND place = 'previous'",
                    key,
                )
                tx.execute(
                    "UPDATE update_packages SET place = 'previous' WHERE kind = ? AND id = ?", key
                )
                tx.execute(
                    "INSERT INTO update_packages"
                    " (kind, id, version, content, token, bundle, time, manifest, place)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'current')",
                    [
                        *(one.kind, one.package_id, one.version, one.content, one.token),
                        *(one.bundle, one.time.isoformat(), one.manifest),
                    ],
                )

    def swap(self, kind: str, package_id: str) -> None:
        """The version before is installed again, and the other one is the one before."""
        key = [kind, package_id]
        with self._db.write() as tx:
            # By way of a row of its own: at no moment are two rows of one place.
            rows = {row["place"]: row for row in self._rows(tx, key)}
            tx.execute("DELETE FROM update_packages WHERE kind = ? AND id = ?", key)
            for place, other in (("current", "previous"), ("previous", "current")):
                row = {**rows[place], "place": other}
                tx.table("update_packages").insert(row)

    @staticmethod
    def _rows(db: Any, key: list[str]) -> list[dict[str, Any]]:
        return list(db.query("SELECT * FROM update_packages WHERE kind = ? AND id = ?", key))

    def _packages(self, place: str) -> tuple[Installed, ...]:
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT kind, id, version, content, token, bundle, time, manifest"
                    " FROM update_packages WHERE place = ? ORDER BY kind, id",
                    [place],
                )
            )
        return tuple(
            Installed(
                kind=row["kind"],
                package_id=row["id"],
                version=row["version"],
                content=row["content"],
                token=row["token"],
                bundle=row["bundle"],
                time=datetime.fromisoformat(row["time"]),
                manifest=row["manifest"],
            )
            for row in rows
        )

    # Roots and outcomes -------------------------------------------------------------------------

    def knows_root(self, fingerprint: str) -> bool:
        """Whether a trust root is on record."""
        with self._db.read() as db:
            return bool(
                list(db.query("SELECT 1 FROM update_roots WHERE fingerprint = ?", [fingerprint]))
            )

    def add_root(self, fingerprint: str, version: int, time: datetime) -> None:
        """Put a trust root on record."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR IGNORE INTO update_roots (fingerprint, version, time) VALUES (?, ?, ?)",
                [fingerprint, version, time.isoformat()],
            )

    def knows_outcome(self, digest: str) -> bool:
        """Whether an outcome of the installer is on record."""
        with self._db.read() as db:
            return bool(list(db.query("SELECT 1 FROM update_outcomes WHERE digest = ?", [digest])))

    def add_outcome(self, digest: str, time: datetime) -> None:
        """Remember an outcome of the installer."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR IGNORE INTO update_outcomes (digest, time) VALUES (?, ?)",
                [digest, time.isoformat()],
            )

    # Rates --------------------------------------------------------------------------------------

    def add_rate(self, one: Measure, time: datetime) -> None:
        """Remember how fast a step was; the last hundred stay."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO update_rates (step, bundle, size, seconds, time)"
                " VALUES (?, ?, ?, ?, ?)",
                [one.step, one.bundle, one.size, one.seconds, time.isoformat()],
            )
            tx.execute(
                "DELETE FROM update_rates WHERE number <="
                " (SELECT max(number) FROM update_rates) - 100"
            )

    def rates(self) -> tuple[Measure, ...]:
        """Return how fast steps were, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT step, bundle, size, seconds FROM update_rates ORDER BY number DESC"
                )
            )
        return tuple(Measure(**row) for row in rows)

    def schema(self) -> tuple[str, ...]:
        """The steps that the database's shape has taken, sorted."""
        with self._db.read() as db:
            return tuple(
                sorted(str(row["id"]) for row in db.query("SELECT id FROM schema_migrations"))
            )
