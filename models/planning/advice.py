"""How an engine is to be started for a layout: which engine, which arguments, what to know."""

from dataclasses import dataclass
from typing import Final

from models.card import Bilingual
from models.planning.serving import Layout
from models.planning.shape import ModelShape

# Whose engine serves a vendor's cards. Only NVIDIA's stands in the box; the others are started by
# the site, from the maker's image, and declared to the box as OpenAI-compatible engines.
_ENGINES: Final = {
    "nvidia": "vllm",
    "ascend": "vllm-ascend",
    "hygon": "vllm-hygon",
    "cambricon": "vllm-cambricon",
    "mthreads": "vllm-mthreads",
    "metax": "vllm-metax",
    "iluvatar": "vllm-iluvatar",
    "kunlun": "vllm-kunlun",
}
_OWN: Final = frozenset({"vllm", "llama.cpp"})
_QUANTISED: Final = {"fp8": "fp8", "int8": "compressed-tensors", "int4": "awq_marlin"}


@dataclass(frozen=True, slots=True)
class Advice:
    """Settings to begin with.

    Attributes:
        engine: Engine that serves these cards.
        declared: Whether the site installs or starts it, and the box only speaks to it.
        options: Arguments beyond those that the box gives by itself.
        note: What to know.
    """

    engine: str
    declared: bool
    options: tuple[str, ...]
    note: Bilingual


def advise(shape: ModelShape, layout: Layout, vendor: str, *, pooling: bool = False) -> Advice:
    """Advises on a layout.

    Args:
        shape: The model.
        layout: Where it goes.
        vendor: Vendor of the cards.
        pooling: Whether it embeds or reranks instead of writing.
    """
    engine = "llama.cpp" if layout.precision.gguf else _ENGINES.get(vendor, "vllm")
    options = () if layout.precision.gguf else _options(shape, layout, vendor, pooling=pooling)
    return Advice(engine, engine not in _OWN, options, _note(shape, layout))


def _options(shape: ModelShape, layout: Layout, vendor: str, *, pooling: bool) -> tuple[str, ...]:
    # Prompts of a ward round begin alike: their beginnings are kept.
    options = ["--runner", "pooling"] if pooling else ["--enable-prefix-caching"]
    if shape.experts is not None and layout.split > 1:
        options.append("--enable-expert-parallel")
    scheme = _QUANTISED.get(layout.precision.key)
    # An engine reads from the folder how its weights are stored; a flag could only contradict it.
    if scheme is not None and not layout.precision.settled and vendor == "nvidia":
        options += ["--quantization", scheme]
    if layout.precision.key == "fp16":
        options += ["--dtype", "float16"]
    return tuple(options)


def _note(shape: ModelShape, layout: Layout) -> Bilingual:
    if not layout.fits:
        return Bilingual("这些卡放不下该模型。", "These cards have no room for it.")
    if layout.precision.key == "fp16" and shape.architecture.startswith("gemma"):
        return Bilingual(
            "该模型按 bf16 训练,fp16 下可能溢出,上线前请用评测核对。",
            "It was trained in bf16 and may overflow in fp16: examine it before use.",
        )
    if layout.precision.settled:
        return Bilingual("权重已按此精度存储。", "The weights are stored so already.")
    if layout.precision.quality > 0:
        return Bilingual(
            "需要相应的量化权重;上线前请用评测核对。",
            "It needs weights quantised so; examine it before use.",
        )
    return Bilingual("原始精度,无需转换。", "Original precision, nothing to convert.")
