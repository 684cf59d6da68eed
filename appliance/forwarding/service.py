"""Forwarding to the hospital's SIEM: begins with the box, tells how it stands, can be tried."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.audit.event import Event
from appliance.audit.events_forward import forward_change
from appliance.audit.reading import AuditReader
from appliance.errors import ApplianceError
from appliance.forwarding.errors import ForwardError, ForwardMisconfigured, ForwardOff
from appliance.forwarding.forwarder import Carriage, Forwarder
from appliance.forwarding.line import TlsLine
from appliance.forwarding.receiver import Receiver
from appliance.forwarding.store import ForwardStore
from appliance.forwarding.syslog import Format, Sender, framed, wants
from appliance.forwarding.telling import Action, Standing, Telling

_AUDIT_TIMEOUT_S: Final = 5.0
_MICRO: Final = 1_000_000


class Audit(Protocol):
    """The part of the audit log that forwarding needs."""

    @property
    def reader(self) -> AuditReader:
        """Reading the log."""
        ...

    def append(self, event: Event) -> Future[Any]:
        """Queue an event."""
        ...


@dataclass(frozen=True, slots=True)
class ForwardRules:
    """What of the settings concerns this.

    Args:
        sender: whose messages, in which format.
        tags: what is carried; all when empty.
        from_start: whether the first time begins at the start of the log.
        confirm_s: longest life of a connection.
        lag_s: a backlog of so many seconds is told.
    """

    sender: Sender
    tags: tuple[str, ...] = ()
    from_start: bool = False
    confirm_s: float = 300.0
    lag_s: float = 300.0


class ForwardService:
    """Forwarding of one box. Synchronous: it belongs in the thread pool.

    Args:
        log: the audit log.
        store: remembers the position.
        receiver: makes the receiver out of the settings, or raises ForwardMisconfigured; None while
            no host is set.
        rules: the rest of the settings.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        log: Audit,
        store: ForwardStore,
        receiver: Callable[[], Receiver] | None,
        rules: ForwardRules,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._store = store
        self._rules = rules
        self._clock = clock
        self._receiver: Receiver | None = None
        self._fault: ForwardError | None = None
        self._forwarder: Forwarder | None = None
        self._lock = threading.Lock()
        self._telling = Telling(rules.lag_s)
        if receiver is not None:
            try:
                self._receiver = receiver()
            except ForwardMisconfigured as fault:
                # The box serves without: what waits in the log is sent once this is corrected.
                self._fault = fault

    def start(self) -> None:
        """Begin where the receiver had come to; the first time at the end of the log, or its start."""
        receiver, reader = self._receiver, self._log.reader
        if receiver is None:
            return
        known = self._store.position()
        if known is None:
            begin = reader.first() if self._rules.from_start else reader.size()
            self._store.move(begin, self._clock())
        else:
            begin = known[0]
        carriage = Carriage(
            reader=reader,
            render=self._rules.sender.message,
            wanted=wants(self._rules.tags),
            dial=lambda: TlsLine(receiver),
            confirm_s=self._rules.confirm_s,
        )
        self._forwarder = Forwarder(carriage, self._store, self._clock)
        self._forwarder.start(begin)
        self._record("start", "")

    def close(self) -> None:
        """Stop; comes before the log is closed."""
        forwarder = self._forwarder
        if forwarder is not None:
            with suppress(ApplianceError, TimeoutError):
                self._record("stop", "").result(_AUDIT_TIMEOUT_S)
            forwarder.stop()
            self._forwarder = None

    @property
    def format(self) -> Format:
        """What messages carry."""
        return self._rules.sender.format

    def status(self) -> Standing:
        """How it stands."""
        receiver, forwarder = self._receiver, self._forwarder
        if self._fault is not None:
            facts = self._fault.facts
            zh, en = str(facts["reason_zh"]), str(facts["reason_en"])
            return Standing("misconfigured", reason_zh=zh, reason_en=en)
        if receiver is None or forwarder is None:
            return Standing("off")
        progress, size = forwarder.progress, self._log.reader.size()
        at = progress.sent if progress.connected else progress.position
        behind = max(0, size - at)
        lag = self._age(at) if behind else 0.0
        return Standing(
            state="running" if progress.failing_since is None else "failing",
            target=receiver.target,
            progress=progress,
            size=size,
            behind=behind,
            lag_s=lag,
            late=lag > self._rules.lag_s,
            reason_zh=progress.reason_zh,
            reason_en=progress.reason_en,
        )

    def watch(self) -> Standing:
        """Look how it stands, and put on record what has changed for longer than a moment."""
        now = self.status()
        with self._lock:
            found = self._telling.judge(now, self._clock())
        if found is not None:
            self._record(*found)
        return now

    def test(self) -> str:
        """Send a message that is no entry, on a connection of its own; who answered.

        Raises:
            ForwardOff, ForwardMisconfigured, ReceiverLost: nothing could be delivered.
        """
        if self._fault is not None:
            raise self._fault
        if self._receiver is None:
            raise ForwardOff
        line = TlsLine(self._receiver)
        try:
            peer = line.peer
            line.send(framed(self._rules.sender.test(int(self._clock() * _MICRO))))
            line.settle()
        finally:
            line.abort()
        return peer

    def _age(self, at: int) -> float:
        """Seconds since an entry was written; 0 for one that has left the database."""
        found = self._log.reader.entries(at, at + 1)
        return max(0.0, self._clock() - found[0].time / _MICRO) if found else 0.0

    def _record(self, action: Action, reason: str) -> Future[Any]:
        now = self.status()
        position = 0 if now.progress is None else now.progress.position
        event = forward_change(
            action, target=now.target, position=position, behind=now.behind, reason=reason
        )
        # Only the last one is waited for: a log that cannot be written is told by others.
        return self._log.append(event)
