"""The plain chat, as nearly all are: turns of text and sampling, nothing that needs translating.

What is decoded by this smaller type needs no second look: each of its fields is one that every engine
takes as it stands. Whatever is not so plain is judged by the whole type of its dialect.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from appliance.api.dialects.wish import ModelId, Penalty, Seed, Stop, Strict, Tokens


class PlainTurn(Strict, frozen=True):
    """One turn of text."""

    role: Literal["system", "user", "assistant"]
    content: str


class PlainChat(Strict, kw_only=True, frozen=True):
    """A chat that an engine takes as it stands."""

    model: ModelId | None = None
    messages: Annotated[list[PlainTurn], Meta(min_length=1, max_length=512)]
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Seed | None = None
    stop: Stop | Annotated[list[Stop], Meta(max_length=8)] | None = None
    stream: bool | None = None


PLAIN: Final = msgspec.json.Decoder(PlainChat)
