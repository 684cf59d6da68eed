"""Carries a streamed answer from the engine to the client, event by event, and keeps its ending back.

A dialect translates the events; nothing that ends the answer passes until the record of the answer
is durable: a client that saw the end of a stream can rely on its receipt.
"""

import hashlib
import time
from typing import Final

from appliance.access.errors import AccessRefused
from appliance.api.dialects.chat import ChatStream
from appliance.api.dialects.dialect import Stream
from appliance.api.hot.caller import Caller
from appliance.api.hot.reply import Choice, plain, read_reply
from appliance.contract.problem import Problem
from appliance.serving.errors import EngineFaulty, EngineGone
from appliance.serving.exchange import Exchange
from appliance.serving.turn import Turn

_END: Final = b"\n\n"
_DATA: Final = b"data: "
_DONE: Final = b"[DONE]"
_LONGEST_EVENT: Final = 4 * 1_048_576
_STATUS: Final = {"stop": "complete", "tool_calls": "complete", "length": "length"}


class Pump:
    """One stream under way."""

    def __init__(self, turn: Turn, exchange: Exchange, stream: Stream) -> None:
        self.status = "stopped"
        self._turn = turn
        self._exchange = exchange
        self._stream = stream
        # Such a stream passes on what ends nothing as it came: that is known here without asking it.
        self._as_it_came = isinstance(stream, ChatStream)
        self._hash = hashlib.sha256(turn.salt)
        self._half = b""
        self._done = False

    @property
    def answer_hash(self) -> str:
        """The salted hash of the text that came so far."""
        return self._hash.hexdigest()

    async def run(self, caller: Caller) -> None:
        """Pass events on until the engine says that it is done.

        Raises:
            EngineGone: the engine broke off.
            EngineFaulty: it sent something that is no event, or an error.
            AccessRefused: what allowed the request was revoked meanwhile.
        """
        exchange, turn = self._exchange, self._turn
        while not self._done:
            data = await exchange.more()
            if not data:
                raise EngineGone(reason="stream ended early")
            turn.upstream.heard()
            if not turn.alive():
                raise AccessRefused
            passing = self._take(data)
            if passing:
                going = caller.pass_on(passing)
                # Where a slow reader is waited for, what it was sent lies in its connection already.
                del data, passing
                await going

    def ending(self) -> bytes:
        """The last events of the answer."""
        return self._stream.end()

    def failure(self, problem: Problem) -> bytes:
        """The events that end a broken answer."""
        return self._stream.fail(problem)

    def _take(self, data: bytes) -> bytes:
        """Read the whole events in `data` (after what was left over); return what may pass now."""
        *events, self._half = (self._half + data).split(_END)
        if len(self._half) > _LONGEST_EVENT:
            raise EngineFaulty(reason="event too long")
        return b"".join([self._pass(event) for event in events])

    def _pass(self, event: bytes) -> bytes:
        if self._done or not event.startswith(_DATA):
            return b""
        body = event[len(_DATA) :]
        if body == _DONE:
            self._done = True
            return b""
        if self._read(body) and self._as_it_came:
            return event + _END
        return self._stream.feed(body)

    def _read(self, body: bytes) -> bool:
        """Take down what an event says for the record and the meter; True when it ends nothing."""
        reply = read_reply(body)
        turn = self._turn
        if reply.error is not None:
            raise EngineFaulty(reason=plain(reply.error.message))
        if reply.usage is not None:
            turn.prompt_tokens = reply.usage.prompt_tokens
            turn.completion_tokens = reply.usage.completion_tokens
        if not reply.choices:
            return False
        choice = reply.choices[0]
        self._take_down(choice, counted=reply.usage is not None)
        return choice.finish_reason is None

    def _take_down(self, choice: Choice, *, counted: bool) -> None:
        said, turn = choice.said, self._turn
        if said:
            # What a streamed answer says passes here piece by piece, as it is hashed for the record.
            piece = said.encode()
            self._hash.update(piece)
            turn.take_down(piece)
            if turn.first_token is None:
                turn.first_token = time.perf_counter()
            if not counted:
                turn.completion_tokens += 1
        calls = b"" if choice.delta is None else choice.delta.calls
        if calls:
            self._hash.update(calls)
            turn.take_down(calls)
        if choice.finish_reason is not None:
            self.status = _STATUS.get(choice.finish_reason, "stopped")
