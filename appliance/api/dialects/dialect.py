"""What a dialect is: how a wish becomes a question to an engine, and the engine's answer ours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import msgspec

from appliance.contract.problem import Problem

CHAT_PATH: Final = "/v1/chat/completions"
LLAMA: Final = "llama.cpp"
ENCODE: Final = msgspec.json.Encoder().encode

Speech = Literal["openai", "anthropic"]


class Target(msgspec.Struct, frozen=True, gc=False):
    """The model that answers.

    Attributes:
        model: Model id, as it stands on the shelf.
        engine: "llama.cpp", "vllm" or "openai-local".
        context: Longest context in tokens; 0 when it is not known.
        called: What its engine calls it, where that is another name.
    """

    model: str
    engine: str = LLAMA
    context: int = 0
    called: str = ""

    @property
    def asked_for(self) -> str:
        """The name of the model in a request for its engine."""
        return self.called or self.model


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the engine is asked.

    Attributes:
        path: The engine's path.
        body: Its body; the box's own members (`Upstream.tail`) are not in it yet.
        stream: Whether events come back.
        seed: Sampling seed, for the record.
        needs: Abilities beside the route's own that the model must have ("vision", "tools").
        usage_wanted: The caller asked for the usage event of OpenAI's chat stream.
    """

    path: str
    body: bytes
    stream: bool = False
    seed: int | None = None
    needs: tuple[str, ...] = ()
    usage_wanted: bool = False


class Mark(msgspec.Struct, frozen=True, gc=False):
    """By what an answer is found again.

    Attributes:
        ident: 24 or more letters and digits that no other answer has.
        created: Unix time in seconds.
        receipt: The receipt id, or "" where none was made.
    """

    ident: str
    created: int
    receipt: str = ""


class Stream(Protocol):
    """A streamed answer in a dialect. Nothing that ends the answer leaves before `end`."""

    def feed(self, event: bytes) -> bytes:
        """Take the JSON of one event of the engine (not `[DONE]`); return what may pass now.

        Raises:
            EngineFaulty: It is no event of an answer.
        """
        ...

    def end(self) -> bytes:
        """Return the last bytes; call it once the record of the answer is durable."""
        ...

    def fail(self, problem: Problem) -> bytes:
        """Return the bytes that end a broken stream instead."""
        ...


class Translation(Protocol):
    """One request under way."""

    @property
    def asked(self) -> Asked:
        """What the engine is asked."""
        ...

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """Return the engine's whole answer in the caller's dialect.

        Raises:
            EngineFaulty: It is no answer.
        """
        ...

    def stream(self, mark: Mark) -> Stream:
        """Return what translates a streamed answer."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One route.

    Attributes:
        path: Our path.
        ability: What the model must be able to do.
        decoder: Judges the body; give it to `wish.read`.
        begin: Makes the translation of a judged wish; raises FieldRefused where fields contradict.
        speech: In which form errors are told.
        summary: For the OpenAPI document.
        plain: Judges the bodies that need no translating, tried first; None where there are none.
    """

    path: str
    ability: str
    decoder: "msgspec.json.Decoder[Any]"
    begin: Callable[[Any, Target], Translation]
    speech: Speech
    summary: str
    plain: "msgspec.json.Decoder[Any] | None" = None


class Unstreamed:
    """The stream of a route that has none; a wish for one was refused before."""

    def feed(self, event: bytes) -> bytes:
        """Pass nothing."""
        del event
        return b""

    def end(self) -> bytes:
        """Pass nothing."""
        return b""

    def fail(self, problem: Problem) -> bytes:
        """Pass nothing."""
        del problem
        return b""


def sealed(body: bytes, receipt: str) -> bytes:
    """Add the member `receipt` to a JSON object, without reading it again."""
    if not receipt:
        return body
    end = body.rindex(b"}")
    comma = b"," if body[1:end].strip() else b""
    return b'%s%s"receipt":"%s"}' % (body[:end], comma, receipt.encode())


def data_event(body: bytes) -> bytes:
    """One server-sent event without a name."""
    return b"data: %s\n\n" % body


def named_event(name: str, body: object) -> bytes:
    """One server-sent event with a name, its body encoded as JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), ENCODE(body))
