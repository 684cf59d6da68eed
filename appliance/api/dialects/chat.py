"""OpenAI's chat completions: judged, put into the form that every engine takes, passed through."""

from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from appliance.api.dialects.chat_wish import (
    AssistantTurn,
    ChatWish,
    DeveloperTurn,
    RefusalPart,
    SchemaForm,
    SystemTurn,
    TemplateWish,
    Turn,
    UserTurn,
)
from appliance.api.dialects.dialect import (
    CHAT_PATH,
    ENCODE,
    Asked,
    Dialect,
    Mark,
    Target,
    data_event,
    sealed,
)
from appliance.api.dialects.plain import PLAIN, PlainChat
from appliance.api.dialects.plainly import ask_plainly
from appliance.api.dialects.reply import read_piece
from appliance.api.dialects.told import error_members
from appliance.api.dialects.tooling import chosen, judge_schema, judge_tools, refused
from appliance.api.dialects.wish import ImagePart, StreamOptions, TextPart
from appliance.contract.problem import Problem

_USAGE: Final = StreamOptions(include_usage=True)
_LEFT_OUT: Final = {
    "metadata": None,
    "modalities": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "service_tier": None,
    "store": None,
    "user": None,
    "verbosity": None,
}
_left = attrgetter(*_LEFT_OUT)
_NOTHING: Final = (None,) * len(_LEFT_OUT)
_CHANGED: Final = frozenset({DeveloperTurn, AssistantTurn})
_THOUGHTLESS: Final = frozenset({"none", "minimal"})


class ChatTranslation(msgspec.Struct, frozen=True):
    """One chat under way; the engine's bytes pass as they are."""

    asked: Asked

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The engine's answer with the receipt in it."""
        return sealed(raw, mark.receipt)

    def stream(self, mark: Mark) -> "ChatStream":
        """Events as they come, the ending held back."""
        return ChatStream(mark, usage_wanted=self.asked.usage_wanted)


class ChatStream:
    """Passes events on and keeps the one that finishes the answer, and the usage, for the end."""

    def __init__(self, mark: Mark, *, usage_wanted: bool) -> None:
        self._mark = mark
        self._usage_wanted = usage_wanted
        self._ending: list[bytes] = []

    def feed(self, event: bytes) -> bytes:
        """Pass an event on, or keep it."""
        reply = read_piece(event)
        if not reply.choices:
            if self._ending and self._usage_wanted:
                self._ending.append(event)
            return b""
        if reply.choices[0].finish_reason is None:
            return data_event(event)
        self._ending.append(event)
        return b""

    def end(self) -> bytes:
        """What was kept, with the receipt, and `[DONE]`."""
        first = [data_event(sealed(event, self._mark.receipt)) for event in self._ending[:1]]
        rest = [data_event(event) for event in self._ending[1:]]
        return b"".join((*first, *rest, b"data: [DONE]\n\n"))

    def fail(self, problem: Problem) -> bytes:
        """The problem as the last event; no `[DONE]` follows."""
        return data_event(msgspec.json.encode(error_members(problem, "openai")))


def begin_chat(wish: ChatWish | PlainChat, target: Target) -> ChatTranslation:
    """Put a judged wish into the engine's form. Raises FieldRefused where fields contradict."""
    if isinstance(wish, PlainChat):
        return ChatTranslation(ask_plainly(wish, target.asked_for))
    _judge(wish)
    changes = _changes(wish, target)
    return ChatTranslation(
        Asked(
            CHAT_PATH,
            _encoded(wish, changes),
            stream=bool(wish.stream),
            seed=wish.seed,
            needs=needs_of(wish),
            usage_wanted=bool(wish.stream_options and wish.stream_options.include_usage),
        )
    )


def _judge(wish: ChatWish) -> None:
    if wish.store:
        raise refused("store", "本机不保存对话", "conversations are not kept here")
    if wish.top_logprobs and not wish.logprobs:
        raise refused("top_logprobs", "需要 logprobs: true", "it needs logprobs: true")


def _changes(wish: ChatWish, target: Target) -> dict[str, Any]:
    """What the engine is told otherwise than the caller said it."""
    changes: dict[str, Any] = _LEFT_OUT.copy() if _any_left_out(wish) else {}
    if isinstance(wish.response_format, SchemaForm):
        changes["response_format"] = _form_of(wish.response_format)
    if wish.tools is not None or wish.tool_choice is not None:
        changes |= _tools_of(wish)
    elif wish.parallel_tool_calls is not None:
        changes["parallel_tool_calls"] = None
    if any(type(turn) in _CHANGED for turn in wish.messages):
        changes["messages"] = [_plain_turn(*one) for one in enumerate(wish.messages)]
    if wish.model is None:
        changes["model"] = target.asked_for
    if wish.stream or wish.stream_options is not None:
        changes["stream_options"] = _USAGE if wish.stream else None
    return changes


def needs_of(wish: ChatWish) -> tuple[str, ...]:
    """What the model must be able to do beside chatting."""
    needs = []
    if wish.tools and wish.tool_choice != "none":
        needs.append("tools")
    contents = [one.content for one in wish.messages if isinstance(one, UserTurn)]
    parts = [part for content in contents if not isinstance(content, str) for part in content]
    if any(isinstance(part, ImagePart) for part in parts):
        needs.append("vision")
    return tuple(needs)


def _encoded(wish: ChatWish, changes: dict[str, Any]) -> bytes:
    body = ENCODE(replace(wish, **changes) if changes else wish)
    effort = wish.reasoning_effort
    if effort is None:
        return body
    told = TemplateWish(enable_thinking=effort not in _THOUGHTLESS)
    return b'%s,"chat_template_kwargs":%s}' % (body[:-1], ENCODE(told))


def _any_left_out(wish: ChatWish) -> bool:
    # One call in C instead of nine look-ups.
    return bool(_left(wish) != _NOTHING)


def _tools_of(wish: ChatWish) -> dict[str, Any]:
    offered, mode = chosen(judge_tools(wish.tools or []), wish.tool_choice)
    if not offered:
        return {"tools": None, "tool_choice": None, "parallel_tool_calls": None}
    return {"tools": offered, "tool_choice": mode}


def _form_of(form: SchemaForm) -> SchemaForm:
    named = form.json_schema
    plain = judge_schema("response_format.json_schema.schema", named.schema or {})
    return form if named.schema is None else replace(form, json_schema=replace(named, schema=plain))


def _plain_turn(number: int, turn: Turn) -> Turn:
    """A turn in the form of every engine: developers are system, what clients echo is left out."""
    if isinstance(turn, DeveloperTurn):
        return SystemTurn(turn.content, turn.name)
    if not isinstance(turn, AssistantTurn):
        return turn
    if turn.content is None and not turn.tool_calls and turn.refusal is None:
        raise refused(f"messages[{number}].content", "缺少内容", "it is empty")
    turn = _spoken(turn)
    if turn.refusal is None and turn.reasoning_content is None and turn.annotations is None:
        return _unnumbered(turn)
    plain = replace(turn, refusal=None, reasoning_content=None, annotations=None)
    return _unnumbered(replace(plain, content=turn.content or turn.refusal or ""))


def _spoken(turn: AssistantTurn) -> AssistantTurn:
    """The same where each part is text; engines know no parts that refuse."""
    parts = turn.content
    if not isinstance(parts, list) or all(isinstance(one, TextPart) for one in parts):
        return turn
    texts = [TextPart(one.refusal) if isinstance(one, RefusalPart) else one for one in parts]
    return replace(turn, content=texts)


def _unnumbered(turn: AssistantTurn) -> AssistantTurn:
    calls = turn.tool_calls
    if not calls or all(call.index is None for call in calls):
        return turn
    return replace(turn, tool_calls=[replace(call, index=None) for call in calls])


CHAT: Final = Dialect(
    CHAT_PATH,
    "chat",
    msgspec.json.Decoder(ChatWish),
    begin_chat,
    "openai",
    "Chat with tools and JSON schemas; streamed with `stream: true`.",
    plain=PLAIN,
)
