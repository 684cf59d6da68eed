"""Carries a streamed answer from the engine to the client, event by event, and keeps its ending back.

Events pass as the bytes they came in. The event that finishes the answer waits until the record of
the answer is durable: a client that saw the end of a stream can rely on its receipt.
"""

import hashlib
from typing import Final

from appliance.api.hot.caller import Caller
from appliance.api.hot.reply import plain, read_reply, with_receipt
from appliance.serving.errors import EngineFaulty, EngineGone
from appliance.serving.exchange import Exchange
from appliance.serving.turn import Turn

_END: Final = b"\n\n"
_DATA: Final = b"data: "
_DONE: Final = b"[DONE]"
_LONGEST_EVENT: Final = 4 * 1_048_576
_STATUS: Final = {"stop": "complete", "length": "length"}


class Pump:
    """One stream under way. `usage_wanted`: the client asked for the usage event."""

    def __init__(self, turn: Turn, exchange: Exchange, *, usage_wanted: bool) -> None:
        self.status = "stopped"
        self._turn = turn
        self._exchange = exchange
        self._usage_wanted = usage_wanted
        self._hash = hashlib.sha256(turn.salt)
        self._half = b""
        self._ending: list[bytes] = []
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
        """
        exchange = self._exchange
        while not self._done:
            data = await exchange.more()
            if not data:
                raise EngineGone(reason="stream ended early")
            passing = self._take(data)
            if passing:
                await caller.pass_on(passing)

    def ending(self) -> bytes:
        """The last events, with the receipt in the one that finishes the answer."""
        receipt = self._turn.receipt
        events = [_DATA + with_receipt(event, receipt) for event in self._ending[:1]]
        events += [_DATA + event for event in self._ending[1:]]
        return _END.join([*events, _DATA + _DONE, b""])

    def _take(self, data: bytes) -> bytes:
        """Read the whole events in `data` (after what was left over); return what may pass now."""
        *events, self._half = (self._half + data).split(_END)
        if len(self._half) > _LONGEST_EVENT:
            raise EngineFaulty(reason="event too long")
        passing = [event for event in events if self._passes(event)]
        if not passing:
            return b""
        passing.append(b"")
        return _END.join(passing)

    def _passes(self, event: bytes) -> bool:
        if self._done or not event.startswith(_DATA):
            return False
        body = event[len(_DATA) :]
        if body == _DONE:
            self._done = True
            return False
        return self._read(body)

    def _read(self, body: bytes) -> bool:
        reply = read_reply(body)
        turn = self._turn
        if reply.error is not None:
            raise EngineFaulty(reason=plain(reply.error.message))
        if reply.usage is not None:
            turn.prompt_tokens = reply.usage.prompt_tokens
            turn.completion_tokens = reply.usage.completion_tokens
        if not reply.choices:
            # The usage event: the box always asks for it, the client gets it when it asked too.
            if self._ending and self._usage_wanted:
                self._ending.append(body)
            return False
        choice = reply.choices[0]
        said = choice.said
        if said:
            self._hash.update(said.encode())
            if reply.usage is None:
                turn.completion_tokens += 1
        if choice.finish_reason is None:
            return True
        self.status = _STATUS.get(choice.finish_reason, "stopped")
        self._ending.append(body)
        return False
