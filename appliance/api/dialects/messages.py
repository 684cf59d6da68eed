"""Anthropic's messages: the question, the whole answer, and the count of its tokens."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from appliance.api.dialects.counting import CountTranslation, counting
from appliance.api.dialects.dialect import CHAT_PATH, ENCODE, Asked, Dialect, Mark, Target
from appliance.api.dialects.messages_asking import engine_chat, engine_message, needs_of
from appliance.api.dialects.messages_stream import MessagesStream
from appliance.api.dialects.messages_wish import CountWish, MessagesWish
from appliance.api.dialects.reply import Call, Choice, Usage, read_answer
from appliance.api.dialects.tooling import refused
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]
_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


@dataclass(frozen=True, slots=True)
class MessagesTranslation:
    """One message under way."""

    asked: Asked
    model: str
    stops: tuple[str, ...]

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The engine's answer as a message. Raises EngineFaulty."""
        choice, usage = read_answer(raw)
        reason, stop = reason_of(choice, self.stops)
        message = {
            **message_head(mark, self.model, usage),
            "content": _blocks(choice),
            "stop_reason": reason,
            "stop_sequence": stop,
        }
        return ENCODE(message)

    def stream(self, mark: Mark) -> MessagesStream:
        """Anthropic's events."""
        head = message_head(mark, self.model, Usage())
        return MessagesStream(head, lambda choice: reason_of(choice, self.stops))


def begin_messages(wish: MessagesWish, target: Target) -> MessagesTranslation:
    """Put a judged wish into the engine's form. Raises FieldRefused."""
    body = ENCODE(engine_message(wish, target))
    if wish.messages[-1].role == "assistant":
        # Engines differ: one goes on from it and says it again, another begins anew.
        raise refused(
            f"messages[{len(wish.messages) - 1}].role",
            "最后一轮不能是 assistant:本机不续写回答",
            "the last turn is the assistant's; answers are not continued here",
        )
    asked = Asked(CHAT_PATH, body, stream=bool(wish.stream), needs=needs_of(wish))
    return MessagesTranslation(asked, target.model, tuple(wish.stop_sequences or ()))


def message_head(mark: Mark, model: str, usage: Usage) -> Json:
    """A message before anything is said."""
    head: Json = {
        "id": f"msg_{mark.ident}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": used(usage),
    }
    if mark.receipt:
        head["receipt"] = mark.receipt
    return head


def used(usage: Usage) -> Json:
    """The usage in Anthropic's words; what was cached is counted apart there."""
    return {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached),
        "output_tokens": usage.completion_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
    }


def reason_of(choice: Choice, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Why the answer ended, and at which sequence, where the engine tells it."""
    stop = choice.stop_reason
    if choice.finish_reason == "stop" and isinstance(stop, str) and stop in stops:
        return "stop_sequence", stop
    return _REASONS.get(choice.finish_reason or "", "end_turn"), None


def _blocks(choice: Choice) -> list[Json]:
    said = choice.message
    if said is None:
        return []
    blocks: list[Json] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": ""})
    if said.content:
        blocks.append({"type": "text", "text": said.content})
    for call in said.tool_calls or []:
        block = _tool_use(call, cut=choice.finish_reason == "length")
        if block is not None:
            blocks.append(block)
    return blocks


def _tool_use(call: Call, *, cut: bool) -> Json | None:
    function = call.function
    try:
        given = msgspec.json.decode(function.arguments or "{}") if function else None
    except msgspec.DecodeError:
        given = None
    if isinstance(given, dict) and function is not None and call.id and function.name:
        return {"type": "tool_use", "id": call.id, "name": function.name, "input": given}
    if cut:
        # Half a call is none; the reason "max_tokens" tells that something is missing.
        return None
    raise EngineFaulty(reason="tool_calls")


def _begin_count(wish: CountWish, target: Target) -> CountTranslation:
    return counting(engine_chat(wish, target), target, "messages")


MESSAGES: Final = Dialect(
    "/v1/messages",
    "chat",
    msgspec.json.Decoder(MessagesWish),
    begin_messages,
    "anthropic",
    "Anthropic's messages; streamed with `stream: true`.",
)
COUNT_TOKENS: Final = Dialect(
    "/v1/messages/count_tokens",
    "chat",
    msgspec.json.Decoder(CountWish),
    _begin_count,
    "anthropic",
    "How many tokens a message would be read as.",
)
