"""Anthropic's events made of an engine's chat stream, one content block at a time."""

from collections.abc import Callable
from typing import Any, Final

from appliance.api.dialects.dialect import named_event
from appliance.api.dialects.reply import Call, Choice, Said, Usage, read_piece
from appliance.api.dialects.told import error_members
from appliance.contract.problem import Problem
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'


class MessagesStream:
    """One streamed message.

    Args:
        head: The message before anything is said.
        reason: Tells why an answer ended, from the engine's last piece.
    """

    def __init__(self, head: Json, reason: Callable[[Choice], tuple[str, str | None]]) -> None:
        self._head = head
        self._reason = reason
        self._begun = False
        self._kind = ""
        self._call = -1
        self._index = -1
        self._ended: Choice | None = None
        self._usage = Usage()

    def feed(self, event: bytes) -> bytes:
        """Take one event of the engine. Raises EngineFaulty."""
        reply = read_piece(event)
        if reply.usage is not None:
            self._usage = reply.usage
        passing = [] if self._begun else [self._begin()]
        if reply.choices:
            choice = reply.choices[0]
            if choice.delta is not None:
                self._take(choice.delta, passing)
            if choice.finish_reason is not None:
                self._ended = choice
        return b"".join(passing)

    def end(self) -> bytes:
        """Close the block, tell why it ended and what was used."""
        ended = self._ended or Choice(finish_reason="stop")
        reason, stop = self._reason(ended)
        usage = self._usage
        told = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": stop},
            "usage": {
                "input_tokens": max(0, usage.prompt_tokens - usage.cached),
                "output_tokens": usage.completion_tokens,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": usage.cached,
            },
        }
        if "receipt" in self._head:
            told["receipt"] = self._head["receipt"]
        last = [] if self._begun else [self._begin()]
        self._close(last)
        last.append(named_event("message_delta", told))
        last.append(named_event("message_stop", {"type": "message_stop"}))
        return b"".join(last)

    def fail(self, problem: Problem) -> bytes:
        """Anthropic's error event."""
        return named_event("error", error_members(problem, "anthropic"))

    def _begin(self) -> bytes:
        self._begun = True
        return (
            named_event("message_start", {"type": "message_start", "message": self._head}) + _PING
        )

    def _take(self, delta: Said, passing: list[bytes]) -> None:
        if delta.thought:
            self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""}, passing)
            self._say({"type": "thinking_delta", "thinking": delta.thought}, passing)
        if delta.content:
            self._open("text", {"type": "text", "text": ""}, passing)
            self._say({"type": "text_delta", "text": delta.content}, passing)
        for call in delta.tool_calls or ():
            self._take_call(call, passing)

    def _take_call(self, call: Call, passing: list[bytes]) -> None:
        function = call.function
        if self._kind != "tool_use" or call.index != self._call:
            if call.index <= self._call or function is None or not (call.id and function.name):
                raise EngineFaulty(reason="tool_calls")
            self._call = call.index
            self._close(passing)
            block = {"type": "tool_use", "id": call.id, "name": function.name, "input": {}}
            self._open("tool_use", block, passing)
        if function is not None and function.arguments:
            self._say({"type": "input_json_delta", "partial_json": function.arguments}, passing)

    def _open(self, kind: str, block: Json, passing: list[bytes]) -> None:
        if self._kind == kind:
            return
        self._close(passing)
        self._kind = kind
        self._index += 1
        told = {"type": "content_block_start", "index": self._index, "content_block": block}
        passing.append(named_event("content_block_start", told))

    def _close(self, passing: list[bytes]) -> None:
        if self._kind:
            told = {"type": "content_block_stop", "index": self._index}
            passing.append(named_event("content_block_stop", told))
            self._kind = ""

    def _say(self, delta: Json, passing: list[bytes]) -> None:
        told = {"type": "content_block_delta", "index": self._index, "delta": delta}
        passing.append(named_event("content_block_delta", told))
