"""On which path each engine answers each kind of request; seen on the real programs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from models.engines.engine import (
    CHAT,
    COMPLETIONS,
    COUNT_TOKENS,
    DETOKENIZE,
    EMBEDDINGS,
    MESSAGES,
    MODERATION,
    RERANK,
    RESPONSES,
    SCORE,
    TOKENIZE,
)

_OPENAI: Final[Mapping[str, str]] = MappingProxyType(
    {
        CHAT: "/v1/chat/completions",
        COMPLETIONS: "/v1/completions",
        EMBEDDINGS: "/v1/embeddings",
        RERANK: "/v1/rerank",
    }
)
_LLAMA_CPP: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_OPENAI,
        RESPONSES: "/v1/responses",
        MESSAGES: "/v1/messages",
        COUNT_TOKENS: "/v1/messages/count_tokens",
        TOKENIZE: "/tokenize",
        DETOKENIZE: "/detokenize",
    }
)
_VLLM: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_OPENAI,
        RESPONSES: "/v1/responses",
        MESSAGES: "/v1/messages",
        COUNT_TOKENS: "/v1/messages/count_tokens",
        SCORE: "/v1/score",
        TOKENIZE: "/tokenize",
        DETOKENIZE: "/detokenize",
    }
)
# No engine of the box judges texts; one of the site may, and may know vLLM's routes for tokens.
_DECLARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_OPENAI,
        MODERATION: "/v1/moderations",
        TOKENIZE: "/tokenize",
        DETOKENIZE: "/detokenize",
    }
)
_ROUTES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"llama.cpp": _LLAMA_CPP, "vllm": _VLLM}
)


def routes_of(engine: str) -> Mapping[str, str]:
    """Paths by ability.

    `tools`, `json_schema`, `vision` and `lora` are properties of a chat and have no path of their
    own. llama.cpp does not score; its tokenize route takes `content` and answers `tokens`, vLLM's
    takes `prompt` or `messages` beside `model` and answers `tokens` and `count`.

    Args:
        engine: `Engine.name`; a declared engine is taken to be OpenAI-compatible, with vLLM's routes
            for tokens where its declaration tells that it has them.
    """
    return _ROUTES.get(engine, _DECLARED)


def isolation_of(engine: str, salt: str) -> Mapping[str, object]:
    """Members that the gateway adds to a request so that prefix caches tell no tenant of another.

    Args:
        engine: `Engine.name`.
        salt: A text that one tenant has and no other can guess.

    Returns:
        vLLM salts its prefix cache; llama.cpp has no salt, so nothing is kept between requests. A
        declared engine is given nothing, because it may refuse what it does not know: its
        declaration says whether it may be shared.
    """
    if engine == "vllm":
        return {"cache_salt": salt}
    return {"cache_prompt": False} if engine == "llama.cpp" else {}
