"""What a caller of Anthropic's messages may say; `docs/operate/api.md` says what is left out."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from appliance.api.dialects.tooling import MOST_TOOLS, CallId, Json, Told, ToolName
from appliance.api.dialects.wish import ModelId, Share, Short, Stop, Strict, Tokens

Base64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/=]+\Z")]


class CacheControl(Strict, frozen=True):
    """A hint about caching; the box keeps no prompts between requests, so it is left out."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(Strict, tag_field="type", tag="text", frozen=True):
    """Text."""

    text: str
    cache_control: CacheControl | None = None
    citations: Annotated[list[Json], Meta(max_length=0)] | None = None


class LoneText(Strict, frozen=True):
    """Text where no other kind may stand."""

    type: Literal["text"]
    text: str
    cache_control: CacheControl | None = None
    citations: Annotated[list[Json], Meta(max_length=0)] | None = None


class ImageSource(Strict, frozen=True):
    """An image that came with the request; the box fetches nothing."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    data: Base64


class ImageBlock(Strict, tag_field="type", tag="image", frozen=True):
    """An image."""

    source: ImageSource
    cache_control: CacheControl | None = None


class ToolUseBlock(Strict, tag_field="type", tag="tool_use", frozen=True):
    """A call that the model made earlier, as clients send it back."""

    id: CallId
    name: ToolName
    input: dict[str, Any]
    cache_control: CacheControl | None = None
    caller: Json | None = None


class ToolResultBlock(Strict, tag_field="type", tag="tool_result", frozen=True):
    """What a called tool returned."""

    tool_use_id: CallId
    content: str | Annotated[list[LoneText], Meta(max_length=64)] = ""
    is_error: bool = False
    cache_control: CacheControl | None = None


class ThinkingBlock(Strict, tag_field="type", tag="thinking", frozen=True):
    """Thinking of an earlier answer; engines do not want it back."""

    thinking: str
    signature: str = ""


class HiddenThinkingBlock(Strict, tag_field="type", tag="redacted_thinking", frozen=True):
    """The same, hidden."""

    data: str


Block = (
    TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock | HiddenThinkingBlock
)
Texts = str | Annotated[list[LoneText], Meta(max_length=64)]


class MessageTurn(Strict, frozen=True):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[Block], Meta(min_length=1, max_length=256)]


class Tool(Strict, frozen=True):
    """A tool of the caller's own; the hosted tools of others do not exist here."""

    name: ToolName
    input_schema: Json
    description: Told | None = None
    type: Literal["custom"] | None = None
    cache_control: CacheControl | None = None
    strict: bool | None = None
    eager_input_streaming: bool | None = None


class ToolChoice(Strict, frozen=True):
    """Whether a tool must be called, and which."""

    type: Literal["auto", "any", "tool", "none"]
    name: ToolName | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Strict, frozen=True):
    """Whether the model thinks first; how long is the model's own affair here."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Meta(ge=1024, le=1_000_000)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(Strict, frozen=True):
    """The schema that the answer must fit."""

    type: Literal["json_schema"]
    schema: Json


class OutputConfig(Strict, frozen=True):
    """How hard to think, and the form of the answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class UserId(Strict, frozen=True):
    """Who asks; left out, nobody behind the gateway needs it."""

    user_id: Short | None = None


class CountWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/messages/count_tokens`."""

    model: ModelId
    messages: Annotated[list[MessageTurn], Meta(min_length=1, max_length=512)]
    system: Texts | None = None
    tools: Annotated[list[Tool], Meta(max_length=MOST_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    cache_control: CacheControl | None = None
    output_config: OutputConfig | None = None


class MessagesWish(CountWish, kw_only=True, frozen=True):
    """`POST /v1/messages`."""

    max_tokens: Tokens
    stop_sequences: Annotated[list[Stop], Meta(max_length=8)] | None = None
    stream: bool | None = None
    temperature: Share | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1000)] | None = None
    metadata: UserId | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
