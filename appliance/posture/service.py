"""Posture: the firmware checks at boot, every night and on demand, and what receipts say of them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.posture.store import PostureStore
from firmware_checks.posture import run_checks
from firmware_checks.report import Report

UNCHECKED: Final = "unchecked"
"""What receipts name before the first check of the box."""
_AUDIT_TIMEOUT_S: Final = 30.0


class Audit(Protocol):
    """The part of the audit log that posture needs."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A report and when it was made.

    Attributes:
        report: `firmware_checks.report.Report.as_json()`.
        checked: Unix time in seconds.
    """

    report: dict[str, Any]
    checked: float


class PostureService:
    """Runs the checks and remembers what they found.

    The digest that receipts name is read from memory. Until the checks of this boot are through
    it is the digest of the last report; a machine that changed meanwhile shows it minutes later.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        clock: Unix time in seconds.
        run: Runs the checks; takes seconds.
    """

    def __init__(
        self,
        db: Db,
        audit: Audit,
        clock: Callable[[], float],
        run: Callable[[], Report] = run_checks,
    ) -> None:
        self._store = PostureStore(db)
        self._audit = audit
        self._clock = clock
        self._run = run
        self._checking = asyncio.Lock()
        newest = self._store.newest()
        self._last = None if newest is None else Checked(newest[1], newest[0])

    def last(self) -> Checked | None:
        """Return the last report, or None before the first check; costs nothing."""
        return self._last

    def digest(self) -> str:
        """Return the digest of the last report for receipts, or "unchecked"; costs nothing."""
        return UNCHECKED if self._last is None else str(self._last.report["digest"])

    async def check(self, actor: str = events.BOX) -> Checked:
        """Run the checks now, one run at a time, and record what they found.

        Raises:
            AuditUnavailable: The outcome could not be recorded and is not kept.
            FirmwareError: The checks could not run.
        """
        async with self._checking:
            return await asyncio.to_thread(self._check, actor)

    def _check(self, actor: str) -> Checked:
        found = self._run()
        report: dict[str, Any] = found.as_json()
        failed = [row["id"] for row in report["checks"] if row["outcome"] == "fail"]
        event = events.firmware_check(
            actor,
            posture=f"{found.posture.level} {found.posture.label_en}",
            digest=found.digest,
            failed=failed,
        )
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
        checked = Checked(report, self._clock())
        self._store.add(checked.checked, actor, report)
        self._last = checked
        return checked
