"""Rerank in the form of Jina and Cohere, and scores of pairs in the form of vLLM."""

from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from appliance.api.dialects.dialect import (
    ENCODE,
    Asked,
    Dialect,
    Mark,
    Target,
    Unstreamed,
    sealed,
)
from appliance.api.dialects.tooling import refused
from appliance.api.dialects.wish import ModelId, Short, Strict
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]
Given = Annotated[str, Meta(min_length=1)]
_MOST: Final = 1000
_PATH: Final = "/v1/rerank"


class Document(Strict, frozen=True):
    """A text to be ranked."""

    text: Given


class RerankWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/rerank`."""

    query: Given
    documents: Annotated[list[Given | Document], Meta(min_length=1, max_length=_MOST)]
    model: ModelId | None = None
    top_n: Annotated[int, Meta(ge=1, le=_MOST)] | None = None
    return_documents: bool = False
    max_tokens_per_doc: None = None
    user: Short | None = None


Side = Given | Annotated[list[Given], Meta(min_length=1, max_length=_MOST)]


class ScoreWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/score`: one text against one or many others."""

    text_1: Side
    text_2: Side
    model: ModelId | None = None
    user: Short | None = None


class Ranked(Struct, gc=False):
    """One score."""

    index: int
    relevance_score: float


class Ranks(Struct, gc=False):
    """An engine's answer; usage is told in several ways."""

    results: list[Ranked]
    usage: Json | None = None


_DECODER: Final = msgspec.json.Decoder(Ranks)


def read_ranks(raw: bytes, count: int) -> tuple[list[Ranked], Json]:
    """Read scores of `count` texts, each once. Raises EngineFaulty."""
    try:
        told = _DECODER.decode(raw)
    except msgspec.DecodeError:
        raise EngineFaulty(reason="JSON") from None
    places = {one.index for one in told.results}
    if not (
        len(places) == len(told.results)
        and places <= set(range(count))
        and all(isfinite(one.relevance_score) for one in told.results)
    ):
        raise EngineFaulty(reason="results")
    return told.results, told.usage or {}


@dataclass(frozen=True, slots=True)
class RerankTranslation:
    """One ranking under way."""

    asked: Asked
    wish: RerankWish
    model: str

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The best first. Raises EngineFaulty."""
        texts = [_text(one) for one in self.wish.documents]
        ranks, usage = read_ranks(raw, len(texts))
        ranks.sort(key=lambda one: (-one.relevance_score, one.index))
        results: list[Json] = []
        for one in ranks[: self.wish.top_n]:
            result: Json = {"index": one.index, "relevance_score": one.relevance_score}
            if self.wish.return_documents:
                result["document"] = {"text": texts[one.index]}
            results.append(result)
        ident = f"rerank-{mark.ident}"
        told = {"id": ident, "model": self.model, "results": results, "usage": usage}
        return sealed(ENCODE(told), mark.receipt)

    def stream(self, mark: Mark) -> Unstreamed:
        """There is none."""
        del mark
        return Unstreamed()


@dataclass(frozen=True, slots=True)
class ScoreTranslation:
    """Scores under way."""

    asked: Asked
    model: str
    count: int

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The scores in the order of the texts. Raises EngineFaulty."""
        ranks, usage = read_ranks(raw, self.count)
        if len(ranks) != self.count:
            raise EngineFaulty(reason="results")
        ranks.sort(key=lambda one: one.index)
        data = [{"index": one.index, "object": "score", "score": one.relevance_score}
                for one in ranks]  # fmt: skip
        told = {
            "id": f"score-{mark.ident}",
            "object": "list",
            "created": mark.created,
            "model": self.model,
            "data": data,
            "usage": usage,
        }
        return sealed(ENCODE(told), mark.receipt)

    def stream(self, mark: Mark) -> Unstreamed:
        """There is none."""
        del mark
        return Unstreamed()


def begin_rerank(wish: RerankWish, target: Target) -> RerankTranslation:
    """Put a judged wish into the engine's form; every text is scored, the best are told."""
    texts = [_text(one) for one in wish.documents]
    body = {"model": target.asked_for, "query": wish.query, "documents": texts, "top_n": len(texts)}
    return RerankTranslation(Asked(_PATH, ENCODE(body)), wish, target.model)


def begin_score(wish: ScoreWish, target: Target) -> ScoreTranslation:
    """The same for one text against others; a score is what a ranking of them tells.

    Raises:
        FieldRefused: There are several texts on the first side.
    """
    first = [wish.text_1] if isinstance(wish.text_1, str) else wish.text_1
    others = [wish.text_2] if isinstance(wish.text_2, str) else wish.text_2
    if len(first) != 1:
        raise refused("text_1", "每次只能给出一个文本", "one text a request; send a request each")
    body = {"model": target.asked_for, "query": first[0], "documents": others, "top_n": len(others)}
    return ScoreTranslation(Asked(_PATH, ENCODE(body)), target.model, len(others))


def _text(one: str | Document) -> str:
    return one if isinstance(one, str) else one.text


RERANK: Final = Dialect(
    _PATH,
    "rerank",
    msgspec.json.Decoder(RerankWish),
    begin_rerank,
    "openai",
    "Texts by how well they fit a query, the best first.",
)
RERANK_AS_COHERE: Final = Dialect(
    "/v2/rerank",
    "rerank",
    msgspec.json.Decoder(RerankWish),
    begin_rerank,
    "openai",
    "The same, where Cohere's newer clients ask for it.",
)
SCORE: Final = Dialect(
    "/v1/score",
    "rerank",
    msgspec.json.Decoder(ScoreWish),
    begin_score,
    "openai",
    "How well texts fit one text.",
)
