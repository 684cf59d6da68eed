"""OpenAI's responses: the question, the whole answer, and the count of its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from appliance.api.dialects.counting import CountTranslation, counting
from appliance.api.dialects.dialect import CHAT_PATH, ENCODE, Asked, Dialect, Mark, Target
from appliance.api.dialects.reply import Usage, read_answer
from appliance.api.dialects.responses_asking import (
    engine_chat,
    engine_response,
    needs_of,
    said_turns,
)
from appliance.api.dialects.responses_shape import ended, items, kept_turn, response
from appliance.api.dialects.responses_stream import ResponsesStream
from appliance.api.dialects.responses_wish import ResponsesCountWish, ResponsesWish
from appliance.api.dialects.tooling import refused

Json = dict[str, Any]


@dataclass(slots=True)
class ResponsesTranslation:
    """One response under way.

    Attributes:
        wish: The judged wish.
        model: The model that answers.
        turns: The conversation so far, without the instructions.
        asked: What the engine is asked.
        output: The items of the answer, once it is whole or its stream has ended.
    """

    wish: ResponsesWish
    model: str
    turns: list[Json]
    asked: Asked
    output: list[Json] = field(default_factory=list)

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The engine's answer as a response. Raises EngineFaulty."""
        choice, usage = read_answer(raw)
        self.output = items(choice, mark)
        told = response(self.wish, self.model, mark, self.output, usage)
        return ENCODE(ended(told, choice.finish_reason))

    def stream(self, mark: Mark) -> ResponsesStream:
        """OpenAI's response events."""

        def shape(output: list[Json], usage: Usage | None) -> Json:
            return response(self.wish, self.model, mark, output, usage)

        stream = ResponsesStream(mark, shape)
        self.output = stream.output
        return stream

    def kept(self) -> bytes:
        """The conversation with the answer in it, as `begin_responses` takes it for `history`."""
        return ENCODE([*self.turns, kept_turn(self.output)])


def begin_responses(
    wish: ResponsesWish, target: Target, history: Sequence[Json] = ()
) -> ResponsesTranslation:
    """Put a judged wish into the engine's form.

    Args:
        wish: What was asked.
        target: The model that answers.
        history: The turns kept with `previous_response_id`; the caller looks them up.

    Raises:
        FieldRefused: Fields contradict, or ask for what the box does not do.
    """
    if wish.background:
        raise refused(
            "background", "请使用 /v1/batches", "use /v1/batches for work in the background"
        )
    turns = said_turns(wish, history)
    body = ENCODE(engine_response(wish, target, turns))
    asked = Asked(CHAT_PATH, body, stream=bool(wish.stream), needs=needs_of(wish))
    return ResponsesTranslation(wish, target.model, turns, asked)


def _begin_count(wish: ResponsesCountWish, target: Target) -> CountTranslation:
    return counting(engine_chat(wish, target, said_turns(wish, ())), target, "responses")


RESPONSES: Final = Dialect(
    "/v1/responses",
    "chat",
    msgspec.json.Decoder(ResponsesWish),
    begin_responses,
    "openai",
    "OpenAI's responses; streamed with `stream: true`.",
)
INPUT_TOKENS: Final = Dialect(
    "/v1/responses/input_tokens",
    "chat",
    msgspec.json.Decoder(ResponsesCountWish),
    _begin_count,
    "openai",
    "How many tokens a response would read.",
)
