"""Typed peeks into what an engine answers: usage, text and how it ended; the bytes pass as they are."""

from typing import Final

import msgspec
from msgspec import Struct

from appliance.serving.errors import EngineFaulty


class Usage(Struct, gc=False):
    """Tokens read and written."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


_NO_CALLS: Final = frozenset({b"", b"null", b"[]"})


class Said(Struct, gc=False):
    """A message or a piece of one."""

    content: str | None = None
    # Not `Raw | None`: msgspec takes nothing but null for that.
    tool_calls: msgspec.Raw = msgspec.Raw()

    @property
    def calls(self) -> bytes:
        """The calls of tools in it, as the engine wrote them; empty where there are none."""
        written = bytes(self.tool_calls)
        return b"" if written in _NO_CALLS else written


class Choice(Struct, gc=False):
    """One answer, whole (`message`, `text`) or in pieces (`delta`, `text`)."""

    message: Said | None = None
    delta: Said | None = None
    text: str | None = None
    finish_reason: str | None = None

    @property
    def said(self) -> str:
        """The text in it, however the route calls it."""
        part = self.message or self.delta
        return (part.content if part is not None else self.text) or ""


class Fault(Struct, gc=False):
    """What an engine says when it refuses."""

    message: str = ""
    type: str = ""


class Reply(Struct, gc=False):
    """An answer or one event of a stream."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Fault | None = None


_REPLY: Final = msgspec.json.Decoder(Reply)
_LONGEST: Final = 300


def read_reply(body: bytes) -> Reply:
    """Read the few members the gateway needs.

    Raises:
        EngineFaulty: it is not an answer.
    """
    try:
        reply = _REPLY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EngineFaulty(reason="JSON") from None
    return reply


def read_fault(body: bytes) -> Fault:
    """Read an engine's refusal; whatever cannot be read is an empty one."""
    try:
        return _REPLY.decode(body).error or Fault()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Fault()


def plain(text: str) -> str:
    """One harmless line of an engine's words."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])
