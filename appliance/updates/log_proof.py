"""Proof, before a release is tried, that it and the one before it can both go on with the audit log.

A log may be too large to copy, and is never put back. So the steps are carried out on the real one
while the box stands still, and taken back in the same transaction; and both releases write and read a
log of a few thousand events, one after the other, that exists for this alone.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from appliance.audit.event import Event, Leaf
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.schema import MIGRATIONS as AUDIT
from appliance.audit.store import AuditRows
from appliance.audit.verify import verify
from appliance.bodies.keeper import BodyKeeper, Place
from appliance.bodies.sealing import receipt_of
from appliance.bodies.shape import KEPT, Body
from appliance.bodies.store import MIGRATIONS as BODIES
from appliance.bodies.store import BodyStore
from appliance.db.connection import open_connection
from appliance.db.copying import outstanding
from appliance.db.migration import Migration, applied
from appliance.db.widening import NotWidening, explain, prove, require_wider, widens
from appliance.settings.layout import StateLayout
from appliance.updates.log_forms import Forms
from secure_compute.signing import SigningKey

_ORIGIN: Final = "wardbox/rehearsal"
_TAG: Final = "audit:log:verify"
_AT_ONCE: Final = 4096
_BODIES: Final = 20
MANY: Final = 16_384 + 300
"""Events of the release that comes: a whole segment, so that one is closed, and a whole tile beyond."""
FEW: Final = 300
"""Events of whoever comes after it: a whole tile."""
_ENDINGS: Final = ("", "-wal", "-shm", ".lock", ".anchor")

Key = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the log.

    Attributes:
        name: "audit.db" or "bodies.db".
        path: The real one.
        steps: What this release knows.
    """

    name: str
    path: Path
    steps: Sequence[Migration]


def databases(layout: StateLayout) -> tuple[Database, ...]:
    """The databases of the log."""
    return (
        Database("audit.db", layout.audit_db, AUDIT),
        Database("bodies.db", layout.bodies_db, BODIES),
    )


def prove_real(layout: StateLayout, key: Key, before: Forms | None) -> tuple[str, ...]:
    """Carry the steps of this release out on the real log, and take them back.

    Args:
        layout: The box, which stands still.
        key: Gives the keys of the databases.
        before: What the release that runs now says of itself.

    Returns:
        Ids of the steps that come.

    Raises:
        NotWidening: The release before could not go on with the log, or this one cannot.
        DbError: A step fails on what the log holds, or there is no room for it.
    """
    found: list[str] = []
    for one in databases(layout):
        if one.path.exists():
            found += _prove(one, key(one.name), before)
    return tuple(found)


def _prove(one: Database, key: bytes, before: Forms | None) -> tuple[str, ...]:
    coming, unknown = outstanding(one.path, key, one.steps)
    for step in (*coming, *unknown):
        if not widens(step):
            raise NotWidening(step)
    if not coming and not unknown:
        return ()
    spoken = {form.name: form.spoken for form in before or ()}
    if coming and one.name not in spoken:
        # The release before is of a time when no log was ever widened.
        raise NotWidening(coming[0])
    with closing(open_connection(one.path, key)) as connection:
        require_wider(connection, one.path, one.steps, unknown)

        def look() -> Any:
            explain(connection, spoken.get(one.name, ()))
            return _edge(one, connection)

        steps = [step for step in one.steps if step.id in coming]
        prove(connection, one.path, steps, look)
        if applied(connection) & set(coming):
            raise NotWidening(coming[0])
    return coming


def _edge(one: Database, connection: Any) -> Any:
    """The newest of what a database holds, as this release reads it."""
    if one.name == "audit.db":
        rows = AuditRows(one.path, connection)
        last = rows.last_index()
        return rows.head(), last, rows.leaves(max(0, last - FEW), last + 1)
    store = BodyStore(one.path, connection)
    newest = store.newest(FEW)
    return newest, [store.get(receipt) for receipt in newest[:_BODIES]]


class ScratchLog:
    """A log of its own, beside the copies of a trial, that one release after another writes.

    Args:
        layout: The box.
        trial: The id of the trial.
        clock: Wall time with a time zone.
    """

    def __init__(self, layout: StateLayout, trial: str, clock: Callable[[], datetime]) -> None:
        self._audit = layout.trial / f"{trial}-audit.db"
        self._bodies = layout.trial / f"{trial}-bodies.db"
        self._told = layout.trial / f"{trial}-log.json"
        # Nothing of a patient is in it: what hides it need not be a secret of the vault.
        self._key = sha256(f"rehearsal {trial}".encode()).digest()
        self._clock = clock

    def exists(self) -> bool:
        """Whether a release has left one."""
        return self._told.exists()

    def begin(self) -> None:
        """Make it anew, empty, in the form of this release."""
        self.remove()
        self._audit.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tell([], 0)

    def go_on(self, count: int) -> int:
        """Find everything that was acknowledged, write more, and leave it in good order.

        Args:
            count: Events to write.

        Returns:
            How many events there are.

        Raises:
            NotWidening: Something that was acknowledged is not there, or cannot be read.
            ApplianceError: This release cannot open it or write it.
        """
        receipts, size = self._asked()
        identity = AuditIdentity(SigningKey.from_seed(self._key), _ORIGIN)
        scribe = OwnScribe(self._audit, self._key, identity, self._clock, time.monotonic)
        scribe.keep_bodies(BodyKeeper(Place(self._bodies, self._key), self._clock, time.monotonic))
        try:
            if scribe.open().size != size:
                raise NotWidening(_ORIGIN)
            self._require_all(scribe, receipts, size)
            receipts += self._write(scribe, size, count)
            self._require_all(scribe, receipts, size + count)
            scribe.anchor()
        finally:
            scribe.release()
        self._tell(receipts, size + count)
        return size + count

    def remove(self) -> None:
        """Leave nothing of it."""
        for path in (self._audit, self._bodies):
            for ending in _ENDINGS:
                path.with_name(path.name + ending).unlink(missing_ok=True)
        self._told.unlink(missing_ok=True)

    def _write(self, scribe: OwnScribe, size: int, count: int) -> list[str]:
        receipts, written = [], 0
        while written < count:
            many = min(_AT_ONCE, count - written)
            sealed = _BODIES if not written else 0
            events = [_event(size + written + at, self._key, at < sealed) for at in range(many)]
            outcomes = scribe.commit(events, clean=written + many == count)
            if not all(isinstance(one, Leaf) for one in outcomes):
                raise NotWidening(_TAG)
            receipts += [one.body.receipt for one in events if one.body is not None]
            written += many
        while scribe.tend():
            pass
        return receipts

    def _require_all(self, scribe: OwnScribe, receipts: Sequence[str], size: int) -> None:
        if not size:
            return
        with closing(scribe.reader()) as reader:
            report = verify(reader)
            if not report.ok or report.entries != size or reader.head().size != size:
                raise NotWidening(report.sentence)
        with closing(BodyStore.open(self._bodies, self._key)) as store:
            kept = {receipt_of(one) for one in store.newest(len(receipts) + 1)}
            if kept != set(receipts):
                raise NotWidening("bodies")

    def _asked(self) -> tuple[list[str], int]:
        data = json.loads(self._told.read_bytes())
        return [str(one) for one in data["receipts"]], int(data["size"])

    def _tell(self, receipts: Sequence[str], size: int) -> None:
        handle = os.open(self._told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(json.dumps({"receipts": list(receipts), "size": size}).encode())


def _event(number: int, key: bytes, sealed: bool) -> Event:  # noqa: FBT001  # one row of many
    details: dict[str, Any] = {"ok": True, "size": number}
    body = None
    if sealed:
        receipt = receipt_of(number.to_bytes(6, "big") + bytes(9))
        details |= {"receipt": receipt, "body": KEPT}
        body = Body(receipt, key, None, bytes(32), (b"rehearsal", None, None), (9, 0, 0))
    return Event(_TAG, "box", details=details, body=body)
