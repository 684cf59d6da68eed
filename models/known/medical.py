"""Models made for medicine, from their published config.json files."""

from typing import Final

from models.card import Bilingual
from models.known.model import KnownModel
from models.known.qwen import qwen25
from models.known.reasoning import llama3
from models.planning.shape import Experts, ModelShape

_LONG: Final = 131_072
_HAI: Final = "Health AI Developer Foundations terms of use"
_VISION: Final = 417_000_000  # the SigLIP tower and projector of Gemma 3

_LING: Final = ModelShape(
    "bailing_moe_v2", 32, 4096, 32, 4, 128, 9216, 157_184, 32_768,
    experts=Experts(count=256, active=8, ffn=1024, shared_ffn=1024, dense_layers=1),
)  # fmt: skip


def _gemma3(layers: int, hidden: int, heads: tuple[int, int, int], ffn: int) -> ModelShape:
    """A Gemma 3: five of six layers see a window of 1,024 tokens; embeddings are tied."""
    return ModelShape(
        "gemma3", layers, hidden, heads[0], heads[1], heads[2], ffn, 262_208, _LONG, tied=True,
        window=1024, window_layers=layers - layers // 6, extra=_VISION,
    )  # fmt: skip


def _huatuo(base: str) -> Bilingual:
    return Bilingual(f"医学推理模型,基于 {base}。", f"Medical reasoning model on {base}.")


def _medgemma(size: str) -> Bilingual:
    return Bilingual(
        f"医学图文模型,{size},基于 Gemma 3。",
        f"Medical text and image model of {size}, on Gemma 3.",
    )


MEDICAL: Final[tuple[KnownModel, ...]] = (
    KnownModel(
        "AntAngelMed", "Ant Group and Zhejiang health authorities", _LING, 103.0, "MIT",
        Bilingual(
            "医学大模型,103B 参数(每词元 6.1B),基于 Ling-flash-2.0。",
            "Medical model of 103B weights (6.1B for a token), on Ling-flash-2.0.",
        ),
        active_billions=6.1,
    ),
    KnownModel(
        "Ling-flash-2.0", "inclusionAI", _LING, 103.0, "MIT",
        Bilingual(
            "通用混合专家模型,103B 参数(每词元 6.1B)。",
            "General mixture of experts of 103B weights (6.1B for a token).",
        ),
        active_billions=6.1,
    ),
    KnownModel(
        "Baichuan-M2-32B", "Baichuan", qwen25(64, 5120, (40, 8), 27_648, _LONG), 32.8,
        "Apache-2.0",
        Bilingual("医学推理模型,基于 Qwen2.5-32B。", "Medical reasoning model on Qwen2.5-32B."),
    ),
    KnownModel(
        "HuatuoGPT-o1-7B", "FreedomIntelligence", qwen25(28, 3584, (28, 4), 18_944), 7.62,
        "Apache-2.0", _huatuo("Qwen2.5-7B"),
    ),
    KnownModel(
        "HuatuoGPT-o1-8B", "FreedomIntelligence", llama3(32, 4096, 32, 14_336), 8.03,
        "Apache-2.0; Llama 3.1 Community License", _huatuo("Llama-3.1-8B"),
    ),
    KnownModel(
        "HuatuoGPT-o1-70B", "FreedomIntelligence", llama3(80, 8192, 64, 28_672), 70.6,
        "Apache-2.0; Llama 3.1 Community License", _huatuo("Llama-3.1-70B"),
    ),
    KnownModel(
        "HuatuoGPT-o1-72B", "FreedomIntelligence", qwen25(80, 8192, (64, 8), 29_568), 72.7,
        "Apache-2.0; Qwen LICENSE", _huatuo("Qwen2.5-72B"),
    ),
    KnownModel(
        "MedGemma-4B", "Google", _gemma3(34, 2560, (8, 4, 256), 10_240), 4.3, _HAI,
        _medgemma("4B"), vision=True,
    ),
    KnownModel(
        "MedGemma-27B", "Google", _gemma3(62, 5376, (32, 16, 128), 21_504), 27.4, _HAI,
        _medgemma("27B"), vision=True,
    ),
)  # fmt: skip
"""The medical models."""
