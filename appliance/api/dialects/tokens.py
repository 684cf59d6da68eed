"""Tokenize and detokenize in the form of vLLM, and moderations of engines that can judge."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from appliance.api.dialects.dialect import (
    ENCODE,
    LLAMA,
    Asked,
    Dialect,
    Mark,
    Target,
    Unstreamed,
    sealed,
)
from appliance.api.dialects.wish import ModelId, Short, Strict
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]
Token = Annotated[int, Meta(ge=0, le=2**24)]


class TokenizeWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/tokenize`; conversations are counted by `/v1/messages/count_tokens`."""

    prompt: str
    model: ModelId | None = None
    add_special_tokens: bool = True
    return_token_strs: bool = False


class DetokenizeWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/detokenize`."""

    tokens: Annotated[list[Token], Meta(max_length=262_144)]
    model: ModelId | None = None


class ModerationWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/moderations`; only of a model that was made to judge, there are no made-up scores."""

    input: str | Annotated[list[str], Meta(min_length=1, max_length=256)]
    model: ModelId | None = None
    user: Short | None = None


class Piece(Struct, gc=False):
    """A token with its text, or with its bytes where they are half a character."""

    id: int
    piece: str | list[Annotated[int, Meta(ge=0, le=255)]]


class Text(Struct, gc=False):
    """Text again: `content` by llama.cpp, `prompt` by vLLM."""

    content: str | None = None
    prompt: str | None = None


class Judgement(Struct, gc=False):
    """What an engine finds in one text, by names of its own choice."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]


class Judgements(Struct, gc=False):
    """A whole answer of an engine that judges."""

    results: list[Judgement]
    id: str = ""


_TEXT: Final = msgspec.json.Decoder(Text)
_JUDGEMENTS: Final = msgspec.json.Decoder(Judgements)


@dataclass(frozen=True, slots=True)
class _Whole:
    asked: Asked

    def stream(self, mark: Mark) -> Unstreamed:
        """There is none."""
        del mark
        return Unstreamed()


@dataclass(frozen=True, slots=True)
class TokenizeTranslation(_Whole):
    """One text on its way into tokens."""

    strings: bool
    context: int

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """Tokens with their count. Raises EngineFaulty."""
        ids, strings = _read_pieces(raw)
        told: Json = {"count": len(ids), "max_model_len": self.context, "tokens": ids}
        told["token_strs"] = strings if self.strings else None
        return sealed(ENCODE(told), mark.receipt)


@dataclass(frozen=True, slots=True)
class DetokenizeTranslation(_Whole):
    """Tokens on their way into a text."""

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The text. Raises EngineFaulty."""
        try:
            told = _TEXT.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise EngineFaulty(reason="JSON") from None
        text = told.content if told.prompt is None else told.prompt
        if text is None:
            raise EngineFaulty(reason="content")
        return sealed(ENCODE({"prompt": text}), mark.receipt)


@dataclass(frozen=True, slots=True)
class ModerationTranslation(_Whole):
    """Texts on their way to be judged: how many, and by which model."""

    texts: int
    model: str

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The engine's judgements, one for each text. Raises EngineFaulty."""
        try:
            told = _JUDGEMENTS.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise EngineFaulty(reason="results") from None
        if len(told.results) != self.texts:
            raise EngineFaulty(reason="results")
        body = {"id": told.id or f"modr-{mark.ident}", "model": self.model, "results": told.results}
        return sealed(ENCODE(body), mark.receipt)


def begin_tokenize(wish: TokenizeWish, target: Target) -> TokenizeTranslation:
    """Put a judged wish into the engine's form."""
    if target.engine == LLAMA:
        body: Json = {
            "content": wish.prompt,
            "add_special": wish.add_special_tokens,
            "with_pieces": wish.return_token_strs,
        }
    else:
        body = {
            "model": target.asked_for,
            "prompt": wish.prompt,
            "add_special_tokens": wish.add_special_tokens,
            "return_token_strs": wish.return_token_strs,
        }
    asked = Asked("/tokenize", ENCODE(body))
    return TokenizeTranslation(asked, wish.return_token_strs, target.context)


def begin_detokenize(wish: DetokenizeWish, target: Target) -> DetokenizeTranslation:
    """Put a judged wish into the engine's form."""
    named = {} if target.engine == LLAMA else {"model": target.asked_for}
    return DetokenizeTranslation(Asked("/detokenize", ENCODE({**named, "tokens": wish.tokens})))


def begin_moderation(wish: ModerationWish, target: Target) -> ModerationTranslation:
    """Put a judged wish into the engine's form."""
    body = {"model": target.asked_for, "input": wish.input}
    texts = 1 if isinstance(wish.input, str) else len(wish.input)
    return ModerationTranslation(Asked("/v1/moderations", ENCODE(body)), texts, target.model)


def _read_pieces(raw: bytes) -> tuple[list[int], list[str]]:
    try:
        told = msgspec.json.decode(raw, type=dict[str, Any])
        tokens = msgspec.convert(told.get("tokens"), list[int | Piece])
        strings = msgspec.convert(told.get("token_strs") or [], list[str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EngineFaulty(reason="tokens") from None
    ids = [one if isinstance(one, int) else one.id for one in tokens]
    pieces = [one.piece for one in tokens if isinstance(one, Piece)]
    return ids, strings or [_string(piece) for piece in pieces]


def _string(piece: str | list[int]) -> str:
    return piece if isinstance(piece, str) else bytes(piece).decode("utf-8", "replace")


TOKENIZE: Final = Dialect(
    "/v1/tokenize",
    "tokenize",
    msgspec.json.Decoder(TokenizeWish),
    begin_tokenize,
    "openai",
    "A text as the model's tokens.",
)
DETOKENIZE: Final = Dialect(
    "/v1/detokenize",
    "tokenize",
    msgspec.json.Decoder(DetokenizeWish),
    begin_detokenize,
    "openai",
    "Tokens as a text.",
)
MODERATIONS: Final = Dialect(
    "/v1/moderations",
    "moderation",
    msgspec.json.Decoder(ModerationWish),
    begin_moderation,
    "openai",
    "Judgements of texts, by a model that was made for it.",
)
