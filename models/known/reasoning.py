"""DeepSeek-R1, full and distilled, from their published config.json files."""

from typing import Final

from models.card import Bilingual
from models.known.model import KnownModel
from models.known.qwen import qwen25
from models.planning.shape import Experts, Latent, ModelShape

_MAKER: Final = "DeepSeek"
_LONG: Final = 131_072


def llama3(layers: int, hidden: int, heads: int, ffn: int, context: int = _LONG) -> ModelShape:
    """A dense Llama 3.1: eight heads of keys and values of 128, 128,256 tokens."""
    return ModelShape("llama", layers, hidden, heads, 8, 128, ffn, 128_256, context)


def _distilled(base: str) -> Bilingual:
    return Bilingual(
        f"由 DeepSeek-R1 蒸馏到 {base} 的推理模型。",
        f"Reasoning distilled from DeepSeek-R1 to {base}.",
    )


_R1: Final = ModelShape(
    "deepseek_v3", 61, 7168, 128, 128, 192, 18_432, 129_280, 163_840,
    experts=Experts(count=256, active=8, ffn=2048, shared_ffn=2048, dense_layers=3),
    latent=Latent(kv_rank=512, rope_dim=64, nope_dim=128, value_dim=128, q_rank=1536),
)  # fmt: skip

REASONING: Final[tuple[KnownModel, ...]] = (
    KnownModel(
        "DeepSeek-R1", _MAKER, _R1, 671.0, "MIT",
        Bilingual(
            "推理模型,671B 参数(每词元 37B),多头潜在注意力。",
            "Reasoning model of 671B weights (37B for a token) with latent attention.",
        ),
        active_billions=37.0,
    ),
    KnownModel(
        "DeepSeek-R1-Distill-Qwen-1.5B", _MAKER,
        ModelShape("qwen2", 28, 1536, 12, 2, 128, 8960, 151_936, _LONG), 1.78, "MIT",
        _distilled("Qwen2.5-Math-1.5B"),
    ),
    KnownModel(
        "DeepSeek-R1-Distill-Qwen-7B", _MAKER, qwen25(28, 3584, (28, 4), 18_944, _LONG), 7.62,
        "MIT", _distilled("Qwen2.5-Math-7B"),
    ),
    KnownModel(
        "DeepSeek-R1-Distill-Qwen-14B", _MAKER, qwen25(48, 5120, (40, 8), 13_824, _LONG), 14.8,
        "MIT", _distilled("Qwen2.5-14B"),
    ),
    KnownModel(
        "DeepSeek-R1-Distill-Qwen-32B", _MAKER, qwen25(64, 5120, (40, 8), 27_648, _LONG), 32.8,
        "MIT", _distilled("Qwen2.5-32B"),
    ),
    KnownModel(
        "DeepSeek-R1-Distill-Llama-8B", _MAKER, llama3(32, 4096, 32, 14_336), 8.03,
        "MIT; Llama 3.1 Community License", _distilled("Llama-3.1-8B"),
    ),
    KnownModel(
        "DeepSeek-R1-Distill-Llama-70B", _MAKER, llama3(80, 8192, 64, 28_672), 70.6,
        "MIT; Llama 3.3 Community License", _distilled("Llama-3.3-70B"),
    ),
)  # fmt: skip
"""The DeepSeek models."""
