"""Counts the tokens of a conversation with the engine's own template and tokenizer."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from appliance.api.dialects.dialect import (
    ENCODE,
    LLAMA,
    Asked,
    Mark,
    Target,
    Unstreamed,
)
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]
_LLAMA_PATH: Final = "/v1/chat/completions/input_tokens"
_VLLM_PATH: Final = "/tokenize"
_COUNTED: Final = ("model", "messages", "tools", "tool_choice", "chat_template_kwargs")


class _Counted(Struct, gc=False):
    """A count, as llama.cpp (`input_tokens`) or vLLM (`count`) tells it."""

    input_tokens: Annotated[int, Meta(ge=0)] | None = None
    count: Annotated[int, Meta(ge=0)] | None = None


_DECODER: Final = msgspec.json.Decoder(_Counted)


@dataclass(frozen=True, slots=True)
class CountTranslation:
    """One count under way."""

    asked: Asked
    speech: Literal["messages", "responses"]

    def answer(self, raw: bytes, mark: Mark) -> bytes:
        """The count. Raises EngineFaulty."""
        del mark
        try:
            counted = _DECODER.decode(raw)
        except msgspec.DecodeError:
            raise EngineFaulty(reason="JSON") from None
        number = counted.count if counted.input_tokens is None else counted.input_tokens
        if number is None:
            raise EngineFaulty(reason="input_tokens")
        told: Json = {"input_tokens": number}
        if self.speech == "responses":
            told["object"] = "response.input_tokens"
        return ENCODE(told)

    def stream(self, mark: Mark) -> Unstreamed:
        """There is none."""
        del mark
        return Unstreamed()


def counting(
    chat: Json, target: Target, speech: Literal["messages", "responses"]
) -> CountTranslation:
    """Ask the engine to count a chat instead of answering it."""
    body: Json = {name: chat[name] for name in _COUNTED if name in chat}
    if target.engine == LLAMA:
        return CountTranslation(Asked(_LLAMA_PATH, ENCODE(body)), speech)
    body.pop("tool_choice", None)
    body["add_generation_prompt"] = True
    return CountTranslation(Asked(_VLLM_PATH, ENCODE(body)), speech)
