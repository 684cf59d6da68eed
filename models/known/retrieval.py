"""Embedding and reranking models, from their published config.json files."""

from dataclasses import replace
from typing import Final

from models.card import Bilingual
from models.known.model import KnownModel, Purpose
from models.known.qwen import qwen3
from models.planning.shape import ModelShape

_EMBED: Final = Bilingual("文本向量模型。", "Embeds text for search.")
_RERANK: Final = Bilingual("检索结果重排模型。", "Puts search results in order.")

# XLM-RoBERTa large: two matrices in the feed-forward part, learned positions, no output matrix.
_XLM: Final = ModelShape(
    "xlm-roberta", 24, 1024, 16, 16, 64, 4096, 250_002, 8192, tied=True, gated=False,
    extra=8194 * 1024,
)  # fmt: skip
_SMALL: Final = qwen3(28, 1024, (16, 8), 3072, tied=True)
_MIDDLE: Final = qwen3(36, 2560, (32, 8), 9728, tied=True)
# The output matrix is left out of the large one, which is the same as tying it.
_LARGE: Final = qwen3(36, 4096, (32, 8), 12_288, tied=True)


def _qwen(name: str, shape: ModelShape, billions: float, purpose: Purpose) -> KnownModel:
    context = 32_768 if shape is _SMALL else 40_960
    about = _EMBED if purpose == "embed" else _RERANK
    return KnownModel(
        name, "Qwen", replace(shape, context=context), billions, "Apache-2.0", about, purpose
    )


RETRIEVAL: Final[tuple[KnownModel, ...]] = (
    _qwen("Qwen3-Embedding-0.6B", _SMALL, 0.6, "embed"),
    _qwen("Qwen3-Embedding-4B", _MIDDLE, 4.0, "embed"),
    _qwen("Qwen3-Embedding-8B", _LARGE, 7.57, "embed"),
    KnownModel("bge-m3", "BAAI", _XLM, 0.568, "MIT", _EMBED, "embed"),
    _qwen("Qwen3-Reranker-0.6B", _SMALL, 0.6, "rerank"),
    _qwen("Qwen3-Reranker-4B", _MIDDLE, 4.0, "rerank"),
    _qwen("Qwen3-Reranker-8B", replace(_LARGE, tied=False), 8.19, "rerank"),
    KnownModel("bge-reranker-v2-m3", "BAAI", _XLM, 0.568, "Apache-2.0", _RERANK, "rerank"),
)
"""The models for search."""
