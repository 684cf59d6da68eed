"""OpenAI's older completions: a text is continued."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from appliance.api.dialects.chat import ChatTranslation
from appliance.api.dialects.dialect import ENCODE, Asked, Dialect, Target
from appliance.api.dialects.wish import Sampling, StreamOptions

_PATH: Final = "/v1/completions"
_USAGE: Final = StreamOptions(include_usage=True)


Text = Annotated[str, Meta(min_length=1)]


class CompletionWish(Sampling, kw_only=True, frozen=True):
    """`POST /v1/completions`; some clients put the one prompt into a list."""

    prompt: Text | Annotated[list[Text], Meta(min_length=1, max_length=1)]
    # Taken and left out: what they say is what is done anyway.
    best_of: Annotated[int, Meta(ge=1, le=1)] | None = None
    echo: Literal[False] | None = None
    logprobs: None = None
    suffix: None = None


def begin_completion(wish: CompletionWish, target: Target) -> ChatTranslation:
    """Put a judged wish into the engine's form; its stream has the shape of a chat's."""
    changes: dict[str, Any] = {}
    if wish.model is None:
        changes["model"] = target.asked_for
    if not isinstance(wish.prompt, str):
        changes["prompt"] = wish.prompt[0]
    for name in ("user", "best_of", "echo"):
        if getattr(wish, name) is not None:
            changes[name] = None
    if wish.stream:
        changes["stream_options"] = _USAGE
    elif wish.stream_options is not None:
        changes["stream_options"] = None
    asked = Asked(
        _PATH,
        ENCODE(replace(wish, **changes) if changes else wish),
        stream=bool(wish.stream),
        seed=wish.seed,
        usage_wanted=bool(wish.stream_options and wish.stream_options.include_usage),
    )
    return ChatTranslation(asked)


COMPLETIONS: Final = Dialect(
    _PATH,
    "completions",
    msgspec.json.Decoder(CompletionWish),
    begin_completion,
    "openai",
    "Continue a text.",
)
