"""Embeddings in OpenAI's form, with dimensions and base64."""

import base64
import struct
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

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
from appliance.api.dialects.wish import ModelId, Short, Strict
from appliance.serving.errors import EngineFaulty

Given = Annotated[str, Meta(min_length=1)]
Ids = Annotated[list[Annotated[int, Meta(ge=0, le=2**24)]], Meta(min_length=1, max_length=32_768)]


class VectorsWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/embeddings`; `dimensions` only of models that were trained for it."""

    input: (
        Given
        | Annotated[list[Given | Annotated[int, Meta(ge=0, le=2**24)] | Ids], Meta(min_length=1)]
    )
    model: ModelId | None = None
    dimensions: Annotated[int, Meta(ge=1, le=16_384)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: Short | None = None


class Vector(Struct, gc=False):
    """One vector, as numbers or packed."""

    index: int
    embedding: list[float] | str
    object: str = "embedding"


class Vectors(Struct, gc=False):
    """An engine's answer."""

    data: list[Vector]
    model: str = ""
    object: str = "list"
    usage: dict[str, Any] | None = None


_DECODER: Final = msgspec.json.Decoder(Vectors)


@dataclass(frozen=True, slots=True)
class VectorsTranslation:
    """One request under way."""

    asked: Asked
    packed: bool

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The vectors in the form that was asked for. Raises EngineFaulty."""
        if not self.packed:
            return sealed(raw, mark.receipt)
        try:
            told = _DECODER.decode(raw)
            for vector in told.data:
                if not isinstance(vector.embedding, str):
                    vector.embedding = pack(vector.embedding)
        except (msgspec.DecodeError, struct.error, OverflowError):
            raise EngineFaulty(reason="embeddings") from None
        return sealed(ENCODE(told), mark.receipt)

    def stream(self, mark: Mark) -> Unstreamed:
        """There is none."""
        del mark
        return Unstreamed()


def pack(numbers: list[float]) -> str:
    """32-bit floats, little-endian, in base64, as OpenAI's clients unpack them."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def begin_vectors(wish: VectorsWish, target: Target) -> VectorsTranslation:
    """Put a judged wish into the engine's form; numbers are packed here, engines differ in it."""
    body: dict[str, Any] = {
        "model": target.asked_for,
        "input": wish.input,
        "encoding_format": "float",
    }
    if wish.dimensions is not None:
        body["dimensions"] = wish.dimensions
    # Cutting a vector of a model that was not trained for it would be a wrong answer.
    needs = ("dimensions",) if wish.dimensions is not None else ()
    asked = Asked("/v1/embeddings", ENCODE(body), needs=needs)
    return VectorsTranslation(asked, wish.encoding_format == "base64")


EMBEDDINGS: Final = Dialect(
    "/v1/embeddings",
    "embeddings",
    msgspec.json.Decoder(VectorsWish),
    begin_vectors,
    "openai",
    "Vectors of texts, as numbers or in base64.",
)
