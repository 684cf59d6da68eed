"""What a caller of OpenAI's responses may say; `docs/operate/api.md` says what is left out."""

from typing import Annotated, Literal

from msgspec import Meta

from appliance.api.dialects.chat_wish import Effort
from appliance.api.dialects.tooling import MOST_TOOLS, CallId, Json, Metadata, Mode, Told, ToolName
from appliance.api.dialects.wish import DataUrl, ModelId, Short, Strict, Tokens

ResponseId = Annotated[str, Meta(pattern=r"^resp_[A-Za-z0-9]{8,64}\Z")]
ItemId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,128}\Z")]
Status = Literal["in_progress", "completed", "incomplete"]


class InputText(Strict, tag_field="type", tag="input_text", frozen=True):
    """Text that goes in."""

    text: str


class LoneInput(Strict, frozen=True):
    """Text that goes in where no other kind may stand."""

    type: Literal["input_text"]
    text: str


class InputImage(Strict, tag_field="type", tag="input_image", frozen=True):
    """An image that came with the request; the box fetches nothing."""

    image_url: DataUrl
    detail: Literal["auto", "low", "high"] | None = None
    file_id: None = None


class OutputText(Strict, tag_field="type", tag="output_text", frozen=True):
    """Text of an earlier answer, as clients send it back."""

    text: str
    annotations: Annotated[list[Json], Meta(max_length=0)] | None = None
    logprobs: Annotated[list[Json], Meta(max_length=0)] | None = None


class Refusal(Strict, tag_field="type", tag="refusal", frozen=True):
    """A refusal of an earlier answer."""

    refusal: str


class Summary(Strict, frozen=True):
    """A summary of earlier thinking."""

    type: Literal["summary_text"]
    text: str


class Thought(Strict, tag_field="type", tag="reasoning_text", frozen=True):
    """Earlier thinking."""

    text: str


Part = InputText | InputImage | OutputText | Refusal | Thought


class Item(Strict, kw_only=True, frozen=True):
    """One item of the input; `type` decides which members it must have (see `responses_asking`)."""

    type: Literal[
        "message", "function_call", "function_call_output", "reasoning", "item_reference"
    ] = "message"
    id: ItemId | None = None
    status: Status | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | Annotated[list[Part], Meta(max_length=64)] | None = None
    phase: Literal["commentary", "final_answer"] | None = None
    call_id: CallId | None = None
    name: ToolName | None = None
    arguments: Annotated[str, Meta(max_length=1_048_576)] | None = None
    output: str | Annotated[list[LoneInput], Meta(max_length=64)] | None = None
    summary: list[Summary] | None = None
    encrypted_content: None = None


class FunctionTool(Strict, frozen=True):
    """A function that the model may call."""

    type: Literal["function"]
    name: ToolName
    parameters: Json | None = None
    strict: bool | None = None
    description: Told | None = None


class NamedChoice(Strict, frozen=True):
    """The one function that must be called."""

    type: Literal["function"]
    name: ToolName


class PlainForm(Strict, tag_field="type", tag="text", frozen=True):
    """Plain text."""


class ObjectForm(Strict, tag_field="type", tag="json_object", frozen=True):
    """Any one JSON object."""


class SchemaForm(Strict, tag_field="type", tag="json_schema", frozen=True):
    """JSON that fits a schema."""

    name: ToolName
    schema: Json
    description: Told | None = None
    strict: bool | None = None


class TextWish(Strict, frozen=True):
    """The form of the text."""

    format: PlainForm | ObjectForm | SchemaForm | None = None
    verbosity: Literal["medium"] | None = None


class Reasoning(Strict, frozen=True):
    """How hard to think; thinking is told as it is, so a summary needs no wish."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class StreamOptions(Strict, frozen=True):
    """Options of a stream."""

    include_obfuscation: bool | None = None


class ResponsesCountWish(Strict, kw_only=True, frozen=True):
    """`POST /v1/responses/input_tokens`."""

    input: str | Annotated[list[Item], Meta(min_length=1, max_length=512)]
    model: ModelId | None = None
    instructions: Annotated[str, Meta(max_length=1_048_576)] | None = None
    tools: Annotated[list[FunctionTool], Meta(max_length=MOST_TOOLS)] | None = None
    tool_choice: Mode | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: ResponseId | None = None
    reasoning: Reasoning | None = None
    text: TextWish | None = None
    truncation: Literal["disabled"] | None = None


class ResponsesWish(ResponsesCountWish, kw_only=True, frozen=True):
    """`POST /v1/responses`."""

    max_output_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    background: bool | None = None
    # Taken and left out.
    # Thinking is told as it is, so there is none that only its maker could read.
    include: Annotated[list[Literal["reasoning.encrypted_content"]], Meta(max_length=1)] | None = (
        None
    )
    prompt_cache_key: Short | None = None
    prompt_cache_retention: Literal["in_memory"] | None = None
    safety_identifier: Short | None = None
    service_tier: Literal["auto", "default"] | None = None
    user: Short | None = None
