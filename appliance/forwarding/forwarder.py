"""Carries the log to the receiver: a thread, one position, and patience. The log itself is the queue."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from appliance.audit.event import Entry
from appliance.audit.reading import AuditReader
from appliance.errors import ApplianceError
from appliance.forwarding.errors import ReceiverLost
from appliance.forwarding.store import ForwardStore
from appliance.forwarding.syslog import framed

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 64
_LOOK_S: Final = 0.5
_IDLE_S: Final = 10.0
_MOST_UNCONFIRMED: Final = 200_000
_SHARE: Final = 3.0
"""After a batch the thread rests so many times as long as rendering it took: the answers of the box
need the same interpreter."""
_BACK_OFF_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)


class Line(Protocol):
    """An open connection."""

    @property
    def peer(self) -> str:
        """Who is at its other end."""
        ...

    def send(self, data: bytes) -> None:
        """Hand bytes over. Raises ReceiverLost."""
        ...

    def check(self) -> None:
        """Notice a receiver that has left. Raises ReceiverLost."""
        ...

    def settle(self) -> None:
        """End it so that everything sent is known to be read. Raises ReceiverLost."""
        ...

    def abort(self) -> None:
        """Drop it."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where forwarding stands; one object for each moment.

    Attributes:
        position: first entry that is not known to have been read.
        sent: first entry that was not handed to the present connection.
        connected: whether there is one.
        failing_since: since when nothing could be delivered, Unix seconds; None while all is well.
        reason_zh: why, in Chinese.
        reason_en: the same in English.
        confirmed: when the receiver was last known to have read everything sent, Unix seconds.
        messages: messages handed over since the box was opened, those sent again included.
        peer: who is at the other end.
    """

    position: int
    sent: int
    connected: bool = False
    failing_since: float | None = None
    reason_zh: str = ""
    reason_en: str = ""
    confirmed: float | None = None
    messages: int = 0
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Carriage:
    """What is carried, and how.

    Args:
        reader: the log.
        render: an entry as a message.
        wanted: whether a tag is carried at all.
        dial: opens a connection; raises ReceiverLost.
        confirm_s: longest life of a connection.
    """

    reader: AuditReader
    render: Callable[[Entry], bytes]
    wanted: Callable[[str], bool]
    dial: Callable[[], Line]
    confirm_s: float


class Forwarder:
    """The thread. It holds one batch of entries and one connection, however long the backlog is.

    Args:
        carriage: what is carried, and how.
        store: remembers the position.
        clock: Unix time in seconds.
    """

    def __init__(self, carriage: Carriage, store: ForwardStore, clock: Callable[[], float]) -> None:
        self._carriage = carriage
        self._store = store
        self._clock = clock
        self._stopping = threading.Event()
        self._line: Line | None = None
        self._thread: threading.Thread | None = None
        self.progress = Progress(0, 0)

    def start(self, position: int) -> None:
        """Begin at a position of the log."""
        self.progress = Progress(position, position)
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self._thread.start()

    def stop(self, patience_s: float = 5.0) -> None:
        """Stop; what was handed over is confirmed if the receiver is quick, else sent again next time."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.join(patience_s)
        line = self._line
        if thread.is_alive() and line is not None:
            line.abort()
            thread.join(patience_s)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._skip_what_is_gone()
                if self._pending():
                    self._connect_and_carry()
                    failures = 0
            except ApplianceError as error:
                self._failed(error)
                self._stopping.wait(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
                failures += 1
            else:
                self._stopping.wait(_LOOK_S)

    def _pending(self) -> bool:
        """Whether anything waits that is wanted; what is not wanted is passed over."""
        now = self.progress
        size = self._carriage.reader.size()
        while now.position < size and not self._stopping.is_set():
            end, messages = self._batch(now.position, size)
            if messages:
                return True
            self._confirm(end)
            now = self.progress
        return False

    def _connect_and_carry(self) -> None:
        line = self._line = self._carriage.dial()
        try:
            now = self.progress
            self.progress = replace(now, sent=now.position, connected=True, peer=line.peer)
            self._carry(line)
            line.settle()
            self._confirm(self.progress.sent)
        finally:
            self._line = None
            line.abort()
            now = self.progress
            self.progress = replace(now, sent=now.position, connected=False)

    def _carry(self, line: Line) -> None:
        """Send until the connection is old, idle or wide enough to be confirmed."""
        opened = moved = time.monotonic()
        while not self._stopping.is_set():
            at, size = self.progress.sent, self._carriage.reader.size()
            if at < size:
                began = time.thread_time()
                end, messages = self._batch(at, size)
                spent = time.thread_time() - began
                if messages:
                    line.send(b"".join(messages))
                    moved = time.monotonic()
                now = self.progress
                self.progress = replace(now, sent=end, messages=now.messages + len(messages))
                self._stopping.wait(spent * _SHARE)
            else:
                self._stopping.wait(_LOOK_S)
            line.check()
            now, clock = self.progress, time.monotonic()
            unconfirmed = now.sent - now.position
            old = clock - opened >= self._carriage.confirm_s
            if unconfirmed >= _MOST_UNCONFIRMED or old or clock - moved >= _IDLE_S:
                return

    def _batch(self, at: int, size: int) -> tuple[int, list[bytes]]:
        """The next framed messages, and the position behind them."""
        end = min(at + _BATCH, size)
        entries = self._carriage.reader.entries(at, end)
        wanted, render = self._carriage.wanted, self._carriage.render
        return end, [framed(render(one)) for one in entries if wanted(one.event.tag)]

    def _skip_what_is_gone(self) -> None:
        """Entries that went into an archive before they could be sent, or a log that is shorter."""
        reader, now = self._carriage.reader, self.progress
        first, size = reader.first(), reader.size()
        if now.position < first:
            _LOG.warning("forwarding: entries %d to %d are archived", now.position, first - 1)
            self._confirm(first)
        elif now.position > size:
            _LOG.warning("forwarding: the log holds %d entries, %d were sent", size, now.position)
            self._confirm(size)

    def _confirm(self, position: int) -> None:
        self._store.move(position, self._clock())
        self.progress = replace(
            self.progress,
            position=position,
            sent=position,
            failing_since=None,
            reason_zh="",
            reason_en="",
            confirmed=self._clock(),
        )

    def _failed(self, error: ApplianceError) -> None:
        now = self.progress
        reason_zh, reason_en = error.sentence_zh, error.sentence_en
        if isinstance(error, ReceiverLost):
            reason_zh, reason_en = str(error.facts["reason_zh"]), str(error.facts["reason_en"])
        since = self._clock() if now.failing_since is None else now.failing_since
        self.progress = replace(now, failing_since=since, reason_zh=reason_zh, reason_en=reason_en)
