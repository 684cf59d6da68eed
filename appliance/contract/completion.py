"""Wire types of the OpenAI-compatible routes, as they stand in the OpenAPI document."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Wire

Given = Annotated[str, Field(min_length=1)]
Stop = Annotated[str, Field(min_length=1, max_length=128)]


class TextPart(Wire):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(Wire):
    """An image that comes with the request, as a `data:` URL; the box fetches nothing."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Wire):
    """A piece that is an image."""

    type: Literal["image_url"]
    image_url: ImageUrl


class Message(Wire):
    """One turn; content is text, or parts of text and `data:` images."""

    role: Literal["system", "user", "assistant"]
    content: str | Annotated[list[TextPart | ImagePart], Field(min_length=1, max_length=64)]
    name: str | None = Field(default=None, max_length=64)


class StreamOptions(Wire):
    """Options of a stream."""

    include_usage: bool = False


class ResponseFormat(Wire):
    """The form of the answer."""

    type: Literal["text", "json_object"]


class Sampling(Wire):
    """What a caller may say about sampling; everything else is refused."""

    model: Identifier | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=32_768)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=1000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    stop: Stop | Annotated[list[Stop], Field(max_length=8)] | None = None
    n: int | None = Field(default=None, ge=1, le=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(default=None, max_length=256)


class ChatCompletionRequest(Sampling):
    """`POST /v1/chat/completions`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "wardbox-reference",
                    "messages": [{"role": "user", "content": "你好"}],
                    "max_tokens": 64,
                }
            ]
        }
    )

    messages: list[Message] = Field(min_length=1, max_length=512)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=32_768)
    response_format: ResponseFormat | None = None


class CompletionRequest(Sampling):
    """`POST /v1/completions`."""

    prompt: Given


class EmbeddingRequest(Wire):
    """`POST /v1/embeddings`."""

    model: Identifier | None = None
    input: Given | Annotated[list[Given], Field(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = Field(default=None, max_length=256)
