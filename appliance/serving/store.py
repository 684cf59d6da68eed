"""The SQL of the serving room: how models are kept, deployments, adapters, leases and windows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from appliance.db.database import Db
from appliance.serving.window import Window


@dataclass(frozen=True, slots=True)
class Keeping:
    """How one model is kept: pinned or not, and its own idle time (None: the box's setting)."""

    pinned: bool = False
    idle_unload_s: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A share of a served name's requests: `weight` of the sum of weights goes to this model."""

    model: str
    adapter: str | None
    weight: int


@dataclass(frozen=True, slots=True)
class StoredDeployment:
    """A served name as it lies in the database; `previous` is the revision to go back to."""

    name: str
    revision: int
    previous: int | None
    drained: bool
    targets: tuple[Target, ...]
    actor: str
    made: float


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter as it lies in the database; times are Unix seconds, digests hexadecimal."""

    id: str
    base: str
    base_digest: str
    digest: str
    sha256: str
    size: int
    state: str
    registered_by: str
    registered: float
    approved_by: str | None = None
    approved: float | None = None


@dataclass(frozen=True, slots=True)
class PastLease:
    """A lease as it was written down; `taken` and `ended` (None: not yet) are Unix seconds."""

    id: str
    holder: str
    purpose: str
    claim: dict[str, int]
    taken: float
    ended: float | None


class ServingStore:
    """Rows of the serving room. Every call is synchronous and one transaction."""

    def __init__(self, db: Db) -> None:
        self._db = db

    @contextmanager
    def change(self) -> Iterator[None]:
        """Join every call inside into one transaction, undone when the block raises."""
        with self._db.write():
            yield

    # Models -------------------------------------------------------------------------------------

    def keepings(self) -> dict[str, Keeping]:
        """Return how models are kept, by id; those that nobody decided about are not in it."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM serving_models"))
        return {row["model"]: Keeping(bool(row["pinned"]), row["idle_unload_s"]) for row in rows}

    def keep(self, model: str, keeping: Keeping) -> None:
        """Store how a model is kept."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO serving_models VALUES (?, ?, ?)",
                [model, int(keeping.pinned), keeping.idle_unload_s],
            )

    # Deployments --------------------------------------------------------------------------------

    def deployments(self) -> list[StoredDeployment]:
        """Return every served name with its current revision, by name."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT d.*, r.targets, r.actor, r.made FROM serving_deployments d"
                    " JOIN serving_revisions r ON r.name = d.name AND r.revision = d.revision"
                    " ORDER BY d.name"
                )
            )
        return [_deployment(row) for row in rows]

    def revision(self, name: str, revision: int) -> tuple[Target, ...]:
        """Return the targets of a revision; none when it is unknown."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT targets FROM serving_revisions WHERE name = ? AND revision = ?",
                    [name, revision],
                )
            )
        return _targets(rows[0]["targets"]) if rows else ()

    def newest_revision(self, name: str) -> int:
        """Return the highest revision number that a name ever had; 0 for a new name."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT coalesce(max(revision), 0) AS n FROM serving_revisions WHERE name = ?",
                    [name],
                )
            )
        return int(rows[0]["n"])

    def deploy(self, one: StoredDeployment) -> None:
        """Insert a revision and make it the current one."""
        told = json.dumps([asdict(target) for target in one.targets])
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO serving_revisions VALUES (?, ?, ?, ?, ?)",
                [one.name, one.revision, told, one.actor, one.made],
            )
            tx.execute(
                "INSERT OR REPLACE INTO serving_deployments VALUES (?, ?, ?, ?)",
                [one.name, one.revision, one.previous, int(one.drained)],
            )

    def drain(self, name: str) -> None:
        """Mark a served name as taking nothing new."""
        with self._db.write() as tx:
            tx.execute("UPDATE serving_deployments SET drained = 1 WHERE name = ?", [name])

    def withdraw(self, name: str) -> None:
        """Delete a served name; its revisions stay, for the record."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM serving_deployments WHERE name = ?", [name])

    # Adapters -----------------------------------------------------------------------------------

    def adapters(self) -> list[StoredAdapter]:
        """Return every adapter, by id."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM serving_adapters ORDER BY id"))
        return [StoredAdapter(**row) for row in rows]

    def put_adapter(self, one: StoredAdapter) -> None:
        """Insert or replace an adapter."""
        with self._db.write() as tx:
            tx.table("serving_adapters", pk="id").insert(asdict(one), replace=True)

    def drop_adapter(self, identity: str) -> None:
        """Delete an adapter."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM serving_adapters WHERE id = ?", [identity])

    # Leases -------------------------------------------------------------------------------------

    def add_lease(
        self, identity: str, holder: str, purpose: str, claim: Mapping[str, int], taken: float
    ) -> None:
        """Insert a lease that begins."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO serving_leases VALUES (?, ?, ?, ?, ?, NULL)",
                [identity, holder, purpose, json.dumps(dict(claim), sort_keys=True), taken],
            )

    def end_lease(self, identity: str, at: float) -> None:
        """Store the end of a lease."""
        with self._db.write() as tx:
            tx.execute("UPDATE serving_leases SET ended = ? WHERE id = ?", [at, identity])

    def end_leases(self, at: float) -> int:
        """Store the end of every lease still open; return how many there were."""
        with self._db.write() as tx:
            cursor = tx.execute("UPDATE serving_leases SET ended = ? WHERE ended IS NULL", [at])
            return int(cursor.rowcount)

    def past_leases(self, limit: int) -> tuple[PastLease, ...]:
        """Return leases that were taken, newest first."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM serving_leases ORDER BY taken DESC, rowid DESC LIMIT ?", [limit]
                )
            )
        return tuple(PastLease(**(row | {"claim": json.loads(row["claim"])})) for row in rows)

    def windows(self) -> dict[str, Window]:
        """Return the hours of each purpose that has some."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM serving_windows"))
        return {row["purpose"]: Window(row["opens"], row["closes"]) for row in rows}

    def set_window(self, purpose: str, window: Window | None) -> None:
        """Store the hours of a purpose; None deletes them."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM serving_windows WHERE purpose = ?", [purpose])
            if window is not None:
                tx.execute(
                    "INSERT INTO serving_windows VALUES (?, ?, ?)",
                    [purpose, window.opens, window.closes],
                )


def _targets(told: str) -> tuple[Target, ...]:
    return tuple(Target(**row) for row in json.loads(told))


def _deployment(row: dict[str, Any]) -> StoredDeployment:
    row["targets"], row["drained"] = _targets(row["targets"]), bool(row["drained"])
    return StoredDeployment(**row)
