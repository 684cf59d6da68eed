"""The ground of every wish: an allow-list with bounds, decoded by msgspec, refused by name.

Every field that an engine would take and that is not named here is refused by name: `api_base`,
`extra_headers`, `grammar`, `n_probs`, engine arguments, roles. What is forwarded is encoded again
from these types, so that no parser behind the gateway can read something else.
"""

import re
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from appliance.api.errors import BodyMalformed, FieldRefused

Short = Annotated[str, Meta(max_length=256)]
_MODEL: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"
_IMAGE: Final = r"^data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+\Z"
TOOL_NAME: Final = r"^[A-Za-z0-9_-]{1,64}\Z"
ModelId = Annotated[str, Meta(pattern=_MODEL)]
Stop = Annotated[str, Meta(min_length=1, max_length=128)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Tokens = Annotated[int, Meta(ge=1, le=32_768)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
DataUrl = Annotated[str, Meta(pattern=_IMAGE)]


class Strict(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, gc=False):
    """A JSON object with no field but its own."""


class TextPart(Strict, tag_field="type", tag="text", frozen=True):
    """A piece of text."""

    text: str


class LoneText(Strict, frozen=True):
    """A piece of text where no other kind may stand.

    msgspec asks for the tag of a tagged type only where it has to choose between several.
    """

    type: Literal["text"]
    text: str


class ImageUrl(Strict, frozen=True):
    """An image that came with the request; the box fetches nothing."""

    url: DataUrl
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Strict, tag_field="type", tag="image_url", frozen=True):
    """A piece that is an image."""

    image_url: ImageUrl


class StreamOptions(Strict, frozen=True):
    """Options of a stream; padding against watchers on the wire is not needed under the box's TLS."""

    include_usage: bool = False
    include_obfuscation: bool | None = None


class Sampling(Strict, kw_only=True, frozen=True):
    """What both generating routes take."""

    model: ModelId | None = None
    max_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1000)] | None = None
    min_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Seed | None = None
    stop: Stop | Annotated[list[Stop], Meta(max_length=8)] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Short | None = None


W = TypeVar("W")

_UNKNOWN: Final = re.compile(r"unknown field `(.*?)`", re.DOTALL)
_MISSING: Final = re.compile(r"missing required field `(.*?)`", re.DOTALL)
_PATTERN: Final = re.compile(r"matching regex (.*?)(?: - at |$)", re.DOTALL)
# What a pattern means, for people.
_MEANT: Final = {
    repr(_MODEL): (
        "须为 1 至 64 个字母、数字或 . _ -,以字母或数字开头",
        "it must be 1 to 64 letters, digits or . _ - and begin with a letter or digit",
    ),
    repr(_IMAGE): (
        "须为 PNG、JPEG 或 WebP 图像的 data: 网址(base64),本机不取网上的图像",
        "it must be a data: URL of a PNG, JPEG or WebP image in base64; the box fetches none",
    ),
    repr(TOOL_NAME): (
        "须为 1 至 64 个字母、数字或 _ -",
        "it must be 1 to 64 letters, digits or _ -",
    ),
}
_PATH: Final = re.compile(r" - at `\$\.?(.*?)`$", re.DOTALL)
_LONGEST: Final = 160


def read(decoder: msgspec.json.Decoder[W], body: bytes) -> W:
    """Decode and judge a body.

    Raises:
        BodyMalformed: it is not JSON in UTF-8.
        FieldRefused: a field is unknown, missing or out of bounds; `facts["field"]` names it.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyMalformed(reason=_plain(str(error))) from None


def _refusal(reason: str) -> FieldRefused:
    path = _PATH.search(reason)
    prefix = path.group(1) if path else ""
    for pattern, told in (
        (_UNKNOWN, ("未知字段", "unknown here")),
        (_MISSING, ("缺少", "missing")),
    ):
        named = pattern.search(reason)
        if named:
            field = f"{prefix}.{named.group(1)}" if prefix else named.group(1)
            return FieldRefused(field=_plain(field), reason_zh=told[0], reason_en=told[1])
    meant = _PATTERN.search(reason)
    if meant and meant.group(1) in _MEANT:
        zh, en = _MEANT[meant.group(1)]
        return FieldRefused(field=_plain(prefix), reason_zh=zh, reason_en=en)
    rule = _plain(reason[: path.start()] if path else reason)
    return FieldRefused(field=_plain(prefix) or "$", reason_zh=f"不合要求({rule})", reason_en=rule)


def _plain(text: str) -> str:
    """Cut a text that may hold a caller's bytes down to one harmless line."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST])
