"""OpenAI's response events made of an engine's chat stream, one output item at a time."""

from collections.abc import Callable
from typing import Any

from appliance.api.dialects.dialect import Mark, named_event
from appliance.api.dialects.reply import Call, Called, Said, Usage, read_piece
from appliance.api.dialects.responses_shape import (
    call_item,
    ended,
    message_item,
    reasoning_item,
    text_part,
)
from appliance.api.dialects.told import error_members
from appliance.contract.problem import Problem
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]


class ResponsesStream:
    """One streamed response.

    Args:
        mark: By what the answer is found again.
        shape: Makes the response from its output and its usage (None while it goes on).
    """

    def __init__(self, mark: Mark, shape: Callable[[list[Json], Usage | None], Json]) -> None:
        self.output: list[Json] = []
        self._mark = mark
        self._shape = shape
        self._sequence = 0
        self._kind = ""
        self._item: Json = {}
        self._text: list[str] = []
        self._call = Call(index=-1)
        self._finish: str | None = None
        self._usage = Usage()

    def feed(self, event: bytes) -> bytes:
        """Take one event of the engine. Raises EngineFaulty."""
        reply = read_piece(event)
        if reply.usage is not None:
            self._usage = reply.usage
        passing = [] if self._sequence else self._begin()
        if reply.choices:
            choice = reply.choices[0]
            if choice.delta is not None:
                self._take(choice.delta, passing)
            self._finish = choice.finish_reason or self._finish
        return b"".join(passing)

    def end(self) -> bytes:
        """Close the item and tell the whole response with its usage."""
        last = [] if self._sequence else self._begin()
        if not self.output and not self._kind:
            self._open("message", message_item(self._mark, 0, None, "in_progress"), last)
        self._close(last)
        told = ended(self._shape(self.output, self._usage), self._finish)
        last.append(self._event(f"response.{told['status']}", response=told))
        return b"".join(last)

    def fail(self, problem: Problem) -> bytes:
        """The error event; the response is not told as complete."""
        members = error_members(problem, "openai")
        members |= {"message": problem.detail, "param": None}
        members.pop("type")
        return self._event("error", **members)

    def _begin(self) -> list[bytes]:
        told = self._shape([], None)
        first = self._event("response.created", response=told)
        return [first, self._event("response.in_progress", response=told)]

    def _take(self, delta: Said, passing: list[bytes]) -> None:
        place = len(self.output)
        if delta.thought:
            if self._kind != "reasoning":
                self._close(passing)
                place = len(self.output)
                self._open("reasoning", reasoning_item(self._mark, place, None), passing)
            self._say("response.reasoning_text.delta", delta.thought, passing)
        if delta.content:
            if self._kind != "message":
                self._close(passing)
                place = len(self.output)
                item = message_item(self._mark, place, None, "in_progress")
                self._open("message", item, passing)
            self._say("response.output_text.delta", delta.content, passing)
        for call in delta.tool_calls or ():
            self._take_call(call, passing)

    def _take_call(self, call: Call, passing: list[bytes]) -> None:
        if self._kind != "function_call" or call.index != self._call.index:
            if call.index <= self._call.index:
                raise EngineFaulty(reason="tool_calls")
            self._close(passing)
            first = call.function or Called()
            self._call = Call(call.index, call.id, Called(first.name, ""))
            item = call_item(self._mark, len(self.output), self._call, "in_progress")
            self._open("function_call", item, passing)
        if call.function is not None and call.function.arguments:
            given = call.function.arguments
            self._text.append(given)
            passing.append(
                self._event("response.function_call_arguments.delta", **self._place(), delta=given)
            )

    def _open(self, kind: str, item: Json, passing: list[bytes]) -> None:
        self._kind = kind
        self._item = item
        self._text = []
        place = len(self.output)
        passing.append(self._event("response.output_item.added", output_index=place, item=item))
        if kind != "function_call":
            passing.append(
                self._event("response.content_part.added", **self._content(), part=self._part(""))
            )

    def _say(self, name: str, text: str, passing: list[bytes]) -> None:
        self._text.append(text)
        more: Json = {"logprobs": []} if self._kind == "message" else {}
        passing.append(self._event(name, **self._content(), delta=text, **more))

    def _close(self, passing: list[bytes]) -> None:
        if not self._kind:
            return
        text, place = "".join(self._text), len(self.output)
        status = "incomplete" if self._finish == "length" else "completed"
        if self._kind == "function_call":
            item = {**self._item, "arguments": text, "status": status}
            done: Json = {**self._place(), "arguments": text, "name": item["name"]}
            passing.append(self._event("response.function_call_arguments.done", **done))
        else:
            passing.extend(self._text_done(text))
            item = (
                message_item(self._mark, place, text, status)
                if self._kind == "message"
                else reasoning_item(self._mark, place, text)
            )
        passing.append(self._event("response.output_item.done", output_index=place, item=item))
        self.output.append(item)
        self._kind = ""

    def _text_done(self, text: str) -> list[bytes]:
        message = self._kind == "message"
        name = "response.output_text.done" if message else "response.reasoning_text.done"
        more: Json = {"logprobs": []} if message else {}
        first = self._event(name, **self._content(), text=text, **more)
        part = self._part(text)
        return [first, self._event("response.content_part.done", **self._content(), part=part)]

    def _part(self, text: str) -> Json:
        return text_part(text) if self._kind == "message" else {
            "type": "reasoning_text",
            "text": text,
        }  # fmt: skip

    def _place(self) -> Json:
        return {"item_id": self._item["id"], "output_index": len(self.output)}

    def _content(self) -> Json:
        return {**self._place(), "content_index": 0}

    def _event(self, name: str, /, **members: Any) -> bytes:
        told = {"type": name, "sequence_number": self._sequence, **members}
        self._sequence += 1
        return named_event(name, told)
