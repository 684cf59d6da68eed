"""Qwen3 and Qwen2.5, from their published config.json files."""

from typing import Final

from models.card import Bilingual
from models.known.model import KnownModel
from models.planning.shape import Experts, ModelShape

_APACHE: Final = "Apache-2.0"
_RESEARCH: Final = "Qwen RESEARCH LICENSE"
_QWEN: Final = "Qwen LICENSE"


def qwen3(
    layers: int, hidden: int, heads: tuple[int, int], ffn: int, *, tied: bool = False
) -> ModelShape:
    """A dense Qwen3: heads of 128, 151,936 tokens, 40,960 tokens of context."""
    return ModelShape(
        "qwen3", layers, hidden, heads[0], heads[1], 128, ffn, 151_936, 40_960, tied=tied
    )


def qwen25(
    layers: int, hidden: int, heads: tuple[int, int], ffn: int, context: int = 32_768
) -> ModelShape:
    """A dense Qwen2.5 from 7B on: heads of 128, 152,064 tokens, embeddings apart."""
    return ModelShape("qwen2", layers, hidden, heads[0], heads[1], 128, ffn, 152_064, context)


def _qwen3_moe(layers: int, hidden: int, heads: int, ffn: int, expert: int) -> ModelShape:
    mixture = Experts(count=128, active=8, ffn=expert)
    return ModelShape(
        "qwen3_moe", layers, hidden, heads, 4, 128, ffn, 151_936, 40_960, experts=mixture
    )


def _general(size: str) -> Bilingual:
    return Bilingual(
        f"通用中英文对话模型,{size} 参数,可开关思考模式。",
        f"General Chinese and English chat model of {size} weights, thinking mode on or off.",
    )


def _older(size: str) -> Bilingual:
    return Bilingual(
        f"上一代通用对话模型,{size} 参数。", f"General chat model of the generation before, {size}."
    )


QWEN: Final[tuple[KnownModel, ...]] = (
    KnownModel(
        "Qwen3-0.6B", "Qwen", qwen3(28, 1024, (16, 8), 3072, tied=True), 0.6, _APACHE,
        _general("0.6B"),
    ),
    KnownModel(
        "Qwen3-1.7B", "Qwen", qwen3(28, 2048, (16, 8), 6144, tied=True), 1.7, _APACHE,
        _general("1.7B"),
    ),
    KnownModel(
        "Qwen3-4B", "Qwen", qwen3(36, 2560, (32, 8), 9728, tied=True), 4.0, _APACHE,
        _general("4B"),
    ),
    KnownModel(
        "Qwen3-8B", "Qwen", qwen3(36, 4096, (32, 8), 12_288), 8.2, _APACHE, _general("8B"),
    ),
    KnownModel(
        "Qwen3-14B", "Qwen", qwen3(40, 5120, (40, 8), 17_408), 14.8, _APACHE, _general("14B"),
    ),
    KnownModel(
        "Qwen3-32B", "Qwen", qwen3(64, 5120, (64, 8), 25_600), 32.8, _APACHE, _general("32B"),
    ),
    KnownModel(
        "Qwen3-30B-A3B", "Qwen", _qwen3_moe(48, 2048, 32, 6144, 768), 30.5, _APACHE,
        _general("30B (3B)"), active_billions=3.3,
    ),
    KnownModel(
        "Qwen3-235B-A22B", "Qwen", _qwen3_moe(94, 4096, 64, 12_288, 1536), 235.0, _APACHE,
        _general("235B (22B)"), active_billions=22.0,
    ),
    KnownModel(
        "Qwen2.5-7B-Instruct", "Qwen", qwen25(28, 3584, (28, 4), 18_944), 7.61, _APACHE,
        _older("7B"),
    ),
    KnownModel(
        "Qwen2.5-14B-Instruct", "Qwen", qwen25(48, 5120, (40, 8), 13_824), 14.7, _APACHE,
        _older("14B"),
    ),
    KnownModel(
        "Qwen2.5-32B-Instruct", "Qwen", qwen25(64, 5120, (40, 8), 27_648), 32.5, _APACHE,
        _older("32B"),
    ),
    KnownModel(
        "Qwen2.5-72B-Instruct", "Qwen", qwen25(80, 8192, (64, 8), 29_568), 72.7, _QWEN,
        _older("72B"),
    ),
    KnownModel(
        "Qwen2.5-1.5B-Instruct", "Qwen",
        ModelShape("qwen2", 28, 1536, 12, 2, 128, 8960, 151_936, 32_768, tied=True), 1.54,
        _APACHE, _older("1.5B"),
    ),
    KnownModel(
        "Qwen2.5-3B-Instruct", "Qwen",
        ModelShape("qwen2", 36, 2048, 16, 2, 128, 11_008, 151_936, 32_768, tied=True), 3.09,
        _RESEARCH, _older("3B"),
    ),
)  # fmt: skip
"""The Qwen models."""
