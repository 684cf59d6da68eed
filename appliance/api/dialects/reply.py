"""What an engine answers to a chat, whole or in pieces, as far as the dialects read it."""

from typing import Final

import msgspec
from msgspec import Struct

from appliance.serving.errors import EngineFaulty


class Details(Struct, gc=False):
    """Where tokens came from or went to."""

    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Usage(Struct, gc=False):
    """Tokens read and written."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None

    @property
    def cached(self) -> int:
        """Tokens of the prompt that the engine had read before."""
        details = self.prompt_tokens_details
        return (details.cached_tokens or 0) if details else 0

    @property
    def reasoned(self) -> int:
        """Tokens that were thought and not said."""
        details = self.completion_tokens_details
        return (details.reasoning_tokens or 0) if details else 0


class Called(Struct, gc=False):
    """A function and its arguments, or a piece of them."""

    name: str | None = None
    arguments: str | None = None


class Call(Struct, gc=False):
    """A tool call, or a piece of one."""

    index: int = 0
    id: str | None = None
    function: Called | None = None


class Said(Struct, gc=False):
    """A message, or a piece of one; engines name their thinking in two ways."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None

    @property
    def thought(self) -> str:
        """The thinking in it."""
        return self.reasoning_content or self.reasoning or ""


class Choice(Struct, gc=False):
    """One answer."""

    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None


class Fault(Struct, gc=False):
    """What an engine says when it breaks off."""

    message: str = ""


class Reply(Struct, gc=False):
    """An answer, or one event of a stream."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Fault | None = None


_REPLY: Final = msgspec.json.Decoder(Reply)
_LONGEST: Final = 200


def read_answer(raw: bytes) -> tuple[Choice, Usage]:
    """Read a whole answer.

    Raises:
        EngineFaulty: It is none.
    """
    reply = read_piece(raw)
    if not reply.choices or reply.choices[0].message is None:
        raise EngineFaulty(reason="choices")
    return reply.choices[0], reply.usage or Usage()


def read_piece(event: bytes) -> Reply:
    """Read one event.

    Raises:
        EngineFaulty: It is none, or the engine tells of an error in it.
    """
    try:
        reply = _REPLY.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EngineFaulty(reason="JSON") from None
    if reply.error is not None:
        message = reply.error.message[:_LONGEST]
        raise EngineFaulty(reason="".join(c if c.isprintable() else " " for c in message))
    return reply
