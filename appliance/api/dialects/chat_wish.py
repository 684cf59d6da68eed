"""What a caller of chat completions may say: OpenAI's current fields, each judged on its own.

A field is forwarded, or taken and left out (it asks for something that the box does anyway, or that
has no meaning on one box), or refused by name because ignoring it would change the answer in silence.
`docs/operate/api.md` lists which is which.
"""

from typing import Annotated, Literal

from msgspec import Meta

from appliance.api.dialects.tooling import (
    MOST_TOOLS,
    CallId,
    ChosenFunction,
    FunctionTool,
    Json,
    Metadata,
    Mode,
    Told,
    ToolName,
)
from appliance.api.dialects.wish import (
    ImagePart,
    LoneText,
    Sampling,
    Short,
    Strict,
    TextPart,
    Tokens,
)

Name = Annotated[str, Meta(max_length=64)]
Texts = str | Annotated[list[LoneText], Meta(min_length=1, max_length=64)]
Parts = str | Annotated[list[TextPart | ImagePart], Meta(min_length=1, max_length=64)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Bias = Annotated[
    dict[Annotated[str, Meta(pattern=r"^[0-9]{1,9}\Z")], Annotated[float, Meta(ge=-100, le=100)]],
    Meta(max_length=300),
]


class SystemTurn(Strict, tag_field="role", tag="system", frozen=True):
    """Rules of the conversation."""

    content: Texts
    name: Name | None = None


class DeveloperTurn(Strict, tag_field="role", tag="developer", frozen=True):
    """The same by its newer name."""

    content: Texts
    name: Name | None = None


class UserTurn(Strict, tag_field="role", tag="user", frozen=True):
    """What a person says."""

    content: Parts
    name: Name | None = None


class MadeFunction(Strict, frozen=True):
    """The function of a call that was made; the arguments are JSON as text."""

    name: ToolName
    arguments: Annotated[str, Meta(max_length=1_048_576)]


class MadeCall(Strict, frozen=True):
    """A call that the model made earlier."""

    type: Literal["function"]
    id: CallId
    function: MadeFunction
    # Clients send back what a stream gave them.
    index: int | None = None


class RefusalPart(Strict, tag_field="type", tag="refusal", frozen=True):
    """What an earlier answer refused, as clients send it back."""

    refusal: str


Said = str | Annotated[list[TextPart | RefusalPart], Meta(min_length=1, max_length=64)]


class AssistantTurn(Strict, tag_field="role", tag="assistant", frozen=True):
    """What the model said earlier, as clients send it back."""

    content: Said | None = None
    name: Name | None = None
    tool_calls: Annotated[list[MadeCall], Meta(max_length=MOST_TOOLS)] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    annotations: Annotated[list[Json], Meta(max_length=0)] | None = None
    audio: None = None
    function_call: None = None


class ToolTurn(Strict, tag_field="role", tag="tool", frozen=True):
    """What a called function returned."""

    content: Texts
    tool_call_id: CallId


Turn = SystemTurn | DeveloperTurn | UserTurn | AssistantTurn | ToolTurn


class JsonSchema(Strict, frozen=True):
    """The schema that the answer must fit."""

    name: ToolName
    schema: Json | None = None
    description: Told | None = None
    strict: bool | None = None


class PlainForm(Strict, tag_field="type", tag="text", frozen=True):
    """Plain text."""


class ObjectForm(Strict, tag_field="type", tag="json_object", frozen=True):
    """Any one JSON object."""


class SchemaForm(Strict, tag_field="type", tag="json_schema", frozen=True):
    """JSON that fits a schema."""

    json_schema: JsonSchema


Form = PlainForm | ObjectForm | SchemaForm


class TemplateWish(Strict, frozen=True):
    """What the box itself tells a model's chat template; no caller can."""

    enable_thinking: bool


class ChatWish(Sampling, kw_only=True, frozen=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Turn], Meta(min_length=1, max_length=512)]
    max_completion_tokens: Tokens | None = None
    tools: Annotated[list[FunctionTool], Meta(max_length=MOST_TOOLS)] | None = None
    tool_choice: Mode | ChosenFunction | None = None
    parallel_tool_calls: bool | None = None
    response_format: Form | None = None
    logit_bias: Bias | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    reasoning_effort: Effort | None = None
    # Taken and left out.
    metadata: Metadata | None = None
    modalities: Annotated[list[Literal["text"]], Meta(max_length=1)] | None = None
    prompt_cache_key: Short | None = None
    prompt_cache_retention: Literal["in_memory"] | None = None
    safety_identifier: Short | None = None
    service_tier: Literal["auto", "default"] | None = None
    store: bool | None = None
    verbosity: Literal["medium"] | None = None
