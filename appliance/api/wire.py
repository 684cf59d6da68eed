"""Uvicorn's HTTP protocol with the limits it lacks, and the short way for plain model requests."""

import asyncio
import re
from functools import partial
from hashlib import sha256
from typing import Any, ClassVar, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from appliance.access.errors import AccessRefused
from appliance.api.crowd import Crowd
from appliance.api.errors import BoxCrowded, HeadersTooLarge, HeadMalformed, HeadTooSlow
from appliance.api.framing import OrderedProtocol
from appliance.api.hot.line import Line, ShortWay
from appliance.api.hot.swift import Swift
from appliance.api.refusing import refusal
from appliance.api.slow_reader import SlowReader, keep_short
from appliance.errors import ApplianceError

HEAD_SECONDS: Final = 15.0
REST_SECONDS: Final = 30.0  # for the rest of a body that was refused
LONGEST_HEAD: Final = 2 * 1_048_576
_ALL_HEADS: Final = 64 * 1_048_576  # together: many slow senders may not fill the memory
_BAD_KEY: Final = re.compile(
    rb"\r\nauthorization:[^\r\n]*(?:[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f]|\r(?!\n))", re.IGNORECASE
)
_LINGER_S: Final = 2.0


class BoxProtocol(OrderedProtocol):
    """One connection: bounded in what it may hold and how long, with problems instead of plain text.

    A head that comes in one piece, as nearly all do, costs nothing here; a plain model request goes
    the short way, and the full parser does not see it.
    """

    heads_under_way: ClassVar[int] = 0

    def __init__(
        self, *args: Any, way: ShortWay | None = None, crowd: Crowd | None = None, **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self._way = way
        self._crowd = crowd
        self._address = ""
        self._line: Line | None = None
        self._peer: bytes | None = None
        self._head = 0
        self._between = True
        self._refused = False
        self._last = b""
        self._used = 0.0
        self._unheard: bytes | None = None
        self._reader: SlowReader | None = None
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the client in, and remember whose certificate it showed."""
        super().connection_made(transport)
        keep_short(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        if self._crowd is not None:
            self._address = self.client[0] if self.client else ""
            entry = self._crowd.come(self._address)
            if entry == "full":
                self._refuse(BoxCrowded())
            elif entry == "flood":
                self._refused = True
                transport.abort()
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(binary_form=True)
        self._peer = None if certificate is None else sha256(certificate).digest()

    @override
    def data_received(self, data: bytes) -> None:
        """Take the short way where it is open; else let uvicorn read, and bound its heads."""
        if self._refused:
            return
        if self._line is not None:
            self._line.feed(data)
            return
        if self._way is not None and self._between and self._is_idle():
            head = self._way.read(data)
            if head is not None:
                self._begin(Line(self._way, head, data, self.transport, self._peer, self._over))
                return
        in_body = not (self._in_head or self._between)
        self._last, self._fed = data, False
        super().data_received(data)
        if not self._refused:
            self._weigh(len(data), in_body=in_body)

    @override
    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._between = True, False
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        """The head is in: what follows is body, which the application bounds."""
        super().on_headers_complete()
        self._in_head = False
        if self._timer is not None:
            self._forget_head()

    @override
    def on_message_complete(self) -> None:
        """The request is whole: another may begin."""
        self._between = True
        if self._timer is not None or self._head:
            self._forget_head()
        super().on_message_complete()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._forget_head()
        self._read_on()
        if self._crowd is not None:
            self._crowd.go(self._address)
            self._crowd = None
        line, self._line = self._line, None
        if line is not None:
            line.lost()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        """The client reads slowly."""
        super().pause_writing()
        self._watch_reader()
        if self._line is not None:
            self._line.pause()

    @override
    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._read_on()
        if self._line is not None:
            self._line.resume()
        elif self._unheard is not None:
            data, self._unheard = self._unheard, None
            self._hear(data)

    @override
    def shutdown(self) -> None:
        """Close after the request under way, now when there is none."""
        if self._line is not None:
            self._line.keep_alive = False
        else:
            super().shutdown()

    @override
    def timeout_keep_alive_handler(self) -> None:
        """Close what nobody has used for long; the short way only notes when it was used."""
        left = self._used + self.timeout_keep_alive - self.loop.time()
        if self._line is not None or left > 0:
            wait = max(left, 1.0)
            self.timeout_keep_alive_task = self.loop.call_later(
                wait, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()
            self._watch_reader()

    @override
    def on_response_complete(self) -> None:
        """An answer is written; the client may be far behind with reading it, or with its body."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()
        elif not self._between and self._is_idle() and self._timer is None:
            self._timer = self.loop.call_later(REST_SECONDS, self._never_whole)

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; a key with control characters is simply no key."""
        bad_key = self._in_head and _BAD_KEY.search(self._last)
        self._refuse(AccessRefused() if bad_key else HeadMalformed())

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.scope["wardbox.peer"] = self._peer  # type: ignore[typeddict-unknown-key]
        super()._start_asgi_task(cycle, app)

    def _begin(self, line: Line) -> None:
        if self._timer is not None:
            self._forget_head()
        self._line = line
        begun = line.start(self.loop, self.server_state.default_headers)
        self.tasks.add(begun)  # type: ignore[arg-type]  # it is waited for, and cancelled

    def _over(self, line: Line, begun: Swift, rest: bytes) -> None:
        """A request that went the short way is answered; go on with what came after it."""
        self.tasks.discard(begun)
        self.server_state.total_requests += 1
        self._line = None
        self._used = self.loop.time()
        if self.transport.is_closing():
            return
        if not line.keep_alive:
            # Nobody who has sent all, and reads until the end, is kept waiting for it.
            self._hang_up() if rest or line.missing > 0 else self._close()
            return
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        if self.flow.write_paused:
            # Who reads no answers is asked for no more requests.
            self._unheard = rest
            self.transport.pause_reading()
        else:
            self._hear(rest)

    def _hear(self, data: bytes) -> None:
        # The line may have stopped the reading; to go on twice does nothing.
        self.transport.resume_reading()
        if data:
            self.data_received(data)

    def _weigh(self, size: int, *, in_body: bool) -> None:
        if self._in_head or (in_body and not (self._between or self._fed)):
            # A head, or what is in a body but none of it: trailers and notes on chunks.
            self._count(size)
        elif self._timer is None and self._between and self._is_idle():
            # Line ends between requests, which a parser skips: they are no request either.
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _count(self, size: int) -> None:
        self._head += size
        BoxProtocol.heads_under_way += size
        if self._head > LONGEST_HEAD or BoxProtocol.heads_under_way > _ALL_HEADS:
            self._refuse(HeadersTooLarge())
        elif self._in_head and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _forget_head(self) -> None:
        BoxProtocol.heads_under_way -= self._head
        self._head = 0
        self._last = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_head or (self._line is None and self._is_idle()):
            self._refuse(HeadTooSlow())

    def _never_whole(self) -> None:
        self._timer = None
        if not self._between and self._is_idle():
            self._hang_up()

    def _watch_reader(self) -> None:
        """Let nobody be written to for ever; does nothing where all is written."""
        if self._reader is None and self.transport.get_write_buffer_size():
            self._reader = SlowReader(self.loop, self.transport)

    def _read_on(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()

    def _refuse(self, error: ApplianceError) -> None:
        self._forget_head()
        if self.transport.is_closing():
            return
        self._refused = True
        self._end_with(refusal(error), in_body=not (self._in_head or self._between))

    @override
    def _hang_up(self) -> None:
        """Hear no more, and close once a client that still sends has had time to read."""
        self._refused = True
        # Closing at once would reset the connection under what was just written.
        self.loop.call_later(_LINGER_S, self._close)

    def _close(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.close()
        self._watch_reader()


def protocol_with(way: ShortWay, crowd: Crowd | None = None) -> "partial[BoxProtocol]":
    """The protocol for a server whose plain model requests go the short way.

    Args:
        way: the short way.
        crowd: how many connections it takes; None for any number.
    """
    return partial(BoxProtocol, way=way, crowd=crowd)
