"""Alerts: the rules held against the facts, raised and cleared with patience, on the record."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, Protocol

from appliance.audit.event import Event
from appliance.audit.events import BOX
from appliance.audit.events_alerts import alert_change
from appliance.errors import AuditUnavailable
from appliance.telemetry.errors import AlertUnknown
from appliance.telemetry.facts import Facts
from appliance.telemetry.rule import Finding, Rule
from appliance.telemetry.rules import RULES
from appliance.telemetry.store import Alert, AlertStore

Action = Literal["raise", "clear", "acknowledge"]
_AUDIT_TIMEOUT_S: Final = 30.0
_MOST_PER_RULE: Final = 64
_MOST: Final = 500


class Audit(Protocol):
    """The part of the audit log that alerts need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class AlertService:
    """Raises, clears and remembers alerts. Synchronous: it belongs in the thread pool.

    An alert stands from its raise until what raised it was gone for a while; one that is raised
    stays so over a restart of the box. A finding that comes and goes faster than its rule's
    patience raises nothing.

    Args:
        store: Where alerts lie.
        audit: The audit log.
        clock: Unix time in seconds.
        rules: The rules.
    """

    def __init__(
        self,
        store: AlertStore,
        audit: Audit,
        clock: Callable[[], float],
        rules: Iterable[Rule] = RULES,
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._rules = tuple(rules)
        self._raised = {(one.rule, one.subject): one for one in store.raised()}
        self._since: dict[tuple[str, str], float] = {}
        # Who judges and who takes note come from different threads.
        self._judging = threading.RLock()

    def judge(self, facts: Facts) -> list[Alert]:
        """Hold every rule against the facts; return what was raised or cleared by them.

        Facts carry the time that patience is measured by.

        Raises:
            DbError: nothing of the failed change was kept; the next call tries again.
        """
        with self._judging:
            return self._judge(facts)

    def _judge(self, facts: Facts) -> list[Alert]:
        changed: list[Alert] = []
        for rule in self._rules:
            found = rule.judge(facts, partial(self._stands, rule.id))
            if found is None:
                continue
            findings = {one.subject: one for one in found[:_MOST_PER_RULE]}
            changed += self._raise(rule, findings, facts.time)
            changed += self._clear(rule, findings, facts.time)
        return changed

    def raised(self) -> list[Alert]:
        """What is raised now, oldest first."""
        return sorted(self._raised.values(), key=lambda one: one.id)

    def newest(self, limit: int) -> list[Alert]:
        """The latest alerts, cleared ones too, newest first."""
        return self._store.newest(max(1, min(limit, _MOST)))

    def acknowledge(self, alert: int, actor: str) -> Alert:
        """Write that a person took note; a second time changes nothing. Raises AlertUnknown.

        The record comes first: who took note is not forgotten by a full disk.
        """
        with self._judging:
            return self._acknowledge(alert, actor)

    def _acknowledge(self, alert: int, actor: str) -> Alert:
        found = self._store.get(alert)
        if found is None:
            raise AlertUnknown(alert=alert)
        if found.acknowledged is None:
            self._record("acknowledge", actor, found)
            self._store.acknowledge(alert, self._clock(), actor)
            found = self._store.get(alert) or found
            if found.cleared is None:
                self._raised[found.rule, found.subject] = found
        return found

    def _stands(self, rule: str, subject: str) -> bool:
        return (rule, subject) in self._raised

    def _raise(self, rule: Rule, findings: dict[str, Finding], now: float) -> list[Alert]:
        changed: list[Alert] = []
        for subject, finding in findings.items():
            key = (rule.id, subject)
            if key in self._raised:
                self._since.pop(key, None)
            elif now - self._since.setdefault(key, now) >= rule.hold_s:
                alert = self._store.add(_row(rule, finding, now))
                self._raised[key] = alert
                del self._since[key]
                self._record("raise", BOX, alert)
                changed.append(alert)
        return changed

    def _clear(self, rule: Rule, findings: dict[str, Finding], now: float) -> list[Alert]:
        """Clear what is gone for long enough; forget what went before it raised anything."""
        changed: list[Alert] = []
        known = {*self._raised, *self._since}
        for key in [key for key in known if key[0] == rule.id and key[1] not in findings]:
            if key not in self._raised:
                del self._since[key]
            elif now - self._since.setdefault(key, now) >= rule.calm_s:
                self._store.clear(self._raised[key].id, now)
                del self._since[key]
                old = self._raised.pop(key)
                self._record("clear", BOX, old)
                changed.append(self._store.get(old.id) or old)
        return changed

    def _record(self, action: Action, actor: str, alert: Alert) -> None:
        # The box raises "the log cannot be written" while the log cannot be written.
        event = alert_change(action, actor, alert=alert.id, rule=alert.rule, about=alert.subject)
        if actor != BOX:
            self._audit.append(event).result(_AUDIT_TIMEOUT_S)
            return
        with suppress(AuditUnavailable):
            _ = self._audit.append(event)


def _row(rule: Rule, finding: Finding, now: float) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "subject": finding.subject,
        "severity": rule.severity,
        "zh": rule.zh.format(**finding.facts),
        "en": rule.en.format(**finding.facts),
        "way_out_zh": rule.way_out_zh,
        "way_out_en": rule.way_out_en,
        "raised": now,
    }
