"""Posture: the firmware checks at boot, every night, after an update and on demand, and what follows."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.events_posture import posture_act
from appliance.db.database import Db
from appliance.jobs.schedule import Schedules
from appliance.posture.errors import PostureUnknown
from appliance.posture.policy import Consequence, Followed, PosturePolicy, followed
from appliance.posture.store import PostureRun, PostureStore
from firmware_checks.posture import run_checks
from firmware_checks.report import Report

UNCHECKED: Final = "unchecked"
"""What receipts name before the first check of the box."""
BOOT, NIGHT, UPDATE, ASKED = "boot", "night", "update", "asked"
_AUDIT_TIMEOUT_S: Final = 30.0
NOTHING_FOLLOWED: Final = Followed(Consequence.NOTHING, ())
_MOST_RUNS: Final = 1000
_LOOK_S: Final = 60.0


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
        followed: What the policy makes of it.
    """

    report: dict[str, Any]
    checked: float
    followed: Followed = NOTHING_FOLLOWED


@dataclass(frozen=True, slots=True)
class PostureRules:
    """How this box goes about its checks.

    Attributes:
        policy: What follows from what they find.
        time: Of the nightly run, "HH:MM" in the machine's zone.
        version: Of the software; another one than the last time is an update.
    """

    policy: PosturePolicy = field(default_factory=PosturePolicy)
    time: str = "03:30"
    version: str = ""


class Training(Protocol):
    """Who holds training back and lets it go on; called on the event loop."""

    def hold(self) -> None:
        """Let no training start, and have what runs save its work and wait."""
        ...

    def release(self) -> None:
        """Let training go on."""
        ...


def _nobody(checks: tuple[str, ...]) -> None:
    """Nobody locks the vault."""
    del checks


class PostureService:
    """Runs the checks, remembers what they found, and has done what follows.

    The digest that receipts name is read from memory. Until the checks of this boot are through
    it is the digest of the last report; a machine that changed meanwhile shows it minutes later.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        clock: Unix time in seconds.
        run: Runs the checks; takes seconds.
        rules: What follows, and when it checks.
    """

    def __init__(
        self,
        db: Db,
        audit: Audit,
        clock: Callable[[], float],
        run: Callable[[], Report] = run_checks,
        rules: PostureRules = PostureRules(),
    ) -> None:
        self._store = PostureStore(db)
        self._audit = audit
        self._clock = clock
        self._run = run
        self._rules = rules
        self._training: Training | None = None
        self._lock_vault: Callable[[tuple[str, ...]], object] = _nobody
        self._updated = ""
        self._checking = asyncio.Lock()
        newest = self._store.newest()
        self._last = None if newest is None else self._judged(newest[1], newest[0])

    def last(self) -> Checked | None:
        """Return the last report, or None before the first check; costs nothing."""
        return self._last

    def digest(self) -> str:
        """Return the digest of the last report for receipts, or "unchecked"; costs nothing."""
        return UNCHECKED if self._last is None else str(self._last.report["digest"])

    def named(self, digest: str) -> Checked:
        """Return the report that a receipt names.

        Raises:
            PostureUnknown: It is not kept.
        """
        found = self._store.named(digest)
        if found is None:
            raise PostureUnknown(digest=digest[:64])
        return self._judged(found[1], found[0])

    def history(self, limit: int) -> list[PostureRun]:
        """Return the last runs, newest first, at most 1000."""
        return self._store.runs(max(1, min(limit, _MOST_RUNS)))

    def holds(self, training: Training) -> None:
        """Let the policy hold training back; what followed from the last report holds at once."""
        self._training = training
        if self._last is not None:
            self._obey_training(self._last.followed.consequence)

    def locks_by(self, lock: Callable[[tuple[str, ...]], object]) -> None:
        """Let the policy lock the vault; `lock` is given the checks and does it in a task of its own."""
        self._lock_vault = lock

    def attend(self, schedules: Schedules, updated: Callable[[], str]) -> None:
        """Check at boot, every night, and after an update.

        Args:
            schedules: The box's.
            updated: Names the updates that were applied last, reading the database; another answer
                than before means that one was.
        """
        schedules.once("posture at boot", partial(self.check, reason=self._boot_reason()))
        hour, minute = self._rules.time.split(":")
        when = f"{int(minute)} {int(hour)} * * *"
        schedules.cron("posture", when, partial(self.check, reason=NIGHT))
        self._updated = updated()
        schedules.every("posture after updates", _LOOK_S, partial(self._after_update, updated))

    async def _after_update(self, updated: Callable[[], str]) -> None:
        now = await asyncio.to_thread(updated)
        if now != self._updated:
            self._updated = now
            await self.check(reason=UPDATE)

    async def check(self, actor: str = events.BOX, reason: str = ASKED) -> Checked:
        """Run the checks now, one run at a time, record what they found, and have done what follows.

        Args:
            actor: Who asked.
            reason: "boot", "night", "update" or "asked".

        Raises:
            AuditUnavailable: The outcome could not be recorded and is not kept.
            FirmwareError: The checks could not run.
        """
        async with self._checking:
            checked = await asyncio.to_thread(self._check, actor, reason)
            self._act(checked.followed)
            return checked

    def _act(self, followed: Followed) -> None:
        self._obey_training(followed.consequence)
        if followed.consequence is Consequence.LOCK_VAULT:
            self._lock_vault(followed.checks)

    def _obey_training(self, consequence: Consequence) -> None:
        if self._training is None:
            return
        if consequence >= Consequence.STOP_TRAINING:
            self._training.hold()
        else:
            self._training.release()

    def _check(self, actor: str, reason: str) -> Checked:
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
        checked = self._judged(report, self._clock())
        if checked.followed.consequence > Consequence.WARN:
            act = posture_act(
                events.BOX,
                consequence=checked.followed.consequence.word,
                failed=list(checked.followed.checks),
                digest=found.digest,
            )
            self._audit.append(act).result(_AUDIT_TIMEOUT_S)
        self._store.add(self._line(checked, actor, reason), report)
        self._last = checked
        return checked

    def _line(self, checked: Checked, actor: str, reason: str) -> PostureRun:
        report = checked.report
        counts = report["counts"]
        return PostureRun(
            checked=checked.checked,
            actor=actor,
            reason=reason,
            digest=str(report["digest"]),
            level=int(report["posture"]["level"]),
            passed=counts["pass"],
            failed=counts["fail"],
            undecided=counts["could-not-check"],
            consequence=checked.followed.consequence.word,
            version=self._rules.version,
        )

    def _judged(self, report: dict[str, Any], checked: float) -> Checked:
        return Checked(report, checked, followed(report, self._rules.policy))

    def _boot_reason(self) -> str:
        """Another version of the software than the last time means that it was updated."""
        last = next(iter(self._store.runs(1)), None)
        if last is None or not last.version or last.version == self._rules.version:
            return BOOT
        return UPDATE
