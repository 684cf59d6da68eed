"""An event loop's own line to the process that writes the log: no thread stands between them.

A thread beside a busy loop costs more than its work: each time it wants the interpreter lock, one of
the two sleeps, and on a virtual machine waking up takes longer than writing an event down.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from appliance.audit.delivery import Callback, Waiting, deliver
from appliance.audit.event import Event
from appliance.audit.frames import FrameLost, Frames
from appliance.audit.rows import outcomes_of, refusal_from, rows_of
from appliance.audit.scribe import Outcome  # noqa: TC001  # annotates a variable
from appliance.audit.writer import require_room
from appliance.errors import AuditUnavailable
from secure_compute.errors import NotCanonical

MAX_BATCH: Final = 1024
MAX_BYTES: Final = 4 << 20
"""Bytes of bodies that go along in one batch: the loop stands still while it is sent."""

_AHEAD: Final = 2
"""Batches under way: the one that is written, and the next, so that nobody waits for the loop."""
_WORTH: Final = 16
"""Events from which a batch goes ahead: each one costs a commit, and fewer can wait for its turn."""


class LoopLine:
    """Events of one loop on their way: two batches at most, while others gather.

    Everything but `drain` happens on the loop.

    Args:
        loop: the loop.
        suffer: called with how many events were refused and why, when the line breaks.
        told: called with events and how many wait, for each commit.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        suffer: Callable[[int, str], None],
        told: Callable[[int, float, int], None],
    ) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self._suffer = suffer
        self._told = told
        self._line: socket.socket | None = None
        self._frames: Frames | None = None
        self._queue: list[Waiting] = []
        self._flights: deque[tuple[list[Waiting], float]] = deque()
        self._scheduled = False

    def use(self, line: socket.socket) -> None:
        """Begin to speak over a connected socket."""
        self._line, self._frames = line, Frames(line)
        self.loop.add_reader(line.fileno(), self._hear)

    def put(self, event: Event, callback: Callback) -> bool:
        """Put an event on its way; the callback hears what became of it, in this loop.

        Returns:
            False when the line is broken, and the event not taken.

        Raises:
            AuditUnavailable: too many events wait.
        """
        if self._frames is None:
            return False
        require_room(len(self._queue))
        self._queue.append((event, callback, None))
        if not self._scheduled and self._may_send():
            # What the rest of this turn of the loop brings goes along.
            self._scheduled = True
            self.loop.call_soon(self._send)
        return True

    def drain(self) -> None:
        """Wait for what is under way, without the loop: it stands still, or is the caller's own."""
        while self._frames is not None and (self._flights or self._queue):
            if self._flights:
                self._take(self._frames.receive)
            else:
                self._send()

    def close(self) -> None:
        """Speak no more over this socket."""
        line, self._line, self._frames = self._line, None, None
        if line is not None:
            if not self.loop.is_closed():
                self.loop.remove_reader(line.fileno())
            line.close()

    def _may_send(self) -> bool:
        under_way, gathered = len(self._flights), len(self._queue)
        return gathered >= (_WORTH if under_way else 1) and under_way < _AHEAD

    def _send(self) -> None:
        self._scheduled = False
        if self._frames is None or not self._may_send():
            return
        count = _together(self._queue)
        batch, self._queue = self._queue[:count], self._queue[count:]
        self._flights.append((batch, self.loop.time()))
        try:
            self._frames.send(("commit", rows_of([event for event, _, _ in batch]), False))
        except (TypeError, OverflowError):
            self._flights.pop()
            self._send_singly(batch)
        except FrameLost:
            self._break("写入进程已退出 the process that writes it has ended")

    def _send_singly(self, batch: list[Waiting]) -> None:
        """Find the events that are none, tell them so, and send the others."""
        good: list[Waiting] = []
        for one in batch:
            try:
                Frames.check(rows_of([one[0]]))
            except (TypeError, OverflowError) as error:
                deliver([one], [NotCanonical(reason_zh="类型不被接受", reason=str(error))])
            else:
                good.append(one)
        self._queue = [*good, *self._queue]
        self._send()

    def _hear(self) -> None:
        frames = self._frames
        # Both answers may have come at once, and what was read of the second one is read.
        while frames is not None and self._flights and self._take(frames.poll):
            frames = self._frames
        self._send()

    def _take(self, receive: Callable[[], Any]) -> bool:
        """Tell those of the oldest batch what became of them; whether an answer was there."""
        try:
            answer = receive()
        except FrameLost:
            self._break("写入进程已退出 the process that writes it has ended")
            return False
        if answer is None:
            return False
        if isinstance(answer, dict):
            self._break(refusal_from(answer).sentence)
            return False
        batch, sent = self._flights.popleft()
        count = len(batch)
        self._told(count, self.loop.time() - sent, len(self._queue))
        outcomes = outcomes_of(count, answer)
        for at in range(count):
            batch[at][1](outcomes[at])
        return True

    def _break(self, reason: str) -> None:
        """Refuse what is under way and what waits; the log begins again from the disk."""
        self.close()
        lost = [one for batch, _ in self._flights for one in batch] + self._queue
        self._flights.clear()
        self._queue = []
        self._suffer(len(lost), reason)
        refusal: Outcome = AuditUnavailable(reason=reason)
        deliver(lost, [refusal] * len(lost))


def _together(queue: list[Waiting]) -> int:
    """How many of those that wait go into one batch; one at least."""
    total = 0
    for at, (event, _, _) in enumerate(queue[:MAX_BATCH]):
        if event.body is not None:
            total += sum(event.body.sizes)
            if total > MAX_BYTES and at:
                return at
    return min(len(queue), MAX_BATCH)
