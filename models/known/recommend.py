"""How to serve a known model on given cards: engine, precision, layout and its settings."""

from dataclasses import dataclass
from typing import Final

from models.card import Bilingual
from models.known.model import KnownModel
from models.planning.fleet import Fleet
from models.planning.serving import Layout, Question, plan_serving

# Whose engine serves a vendor's cards. Only NVIDIA's stands in the box; the others are started by
# the site, from the maker's image, and declared to the box as OpenAI-compatible engines.
_ENGINES: Final = {
    "nvidia": "vllm",
    "ascend": "vllm-ascend",
    "hygon": "vllm (DTK)",
    "cambricon": "vllm-mlu",
    "mthreads": "vllm-musa",
    "metax": "vllm (MACA)",
    "iluvatar": "vllm (CoreX)",
    "kunlun": "vllm-kunlun",
}
# Prompts of a ward round are long and alike: their beginnings are kept.
_ALWAYS: Final = ("--enable-prefix-caching",)
_QUANTISED: Final = {"fp8": "fp8", "int8": "compressed-tensors", "int4": "awq_marlin"}


@dataclass(frozen=True, slots=True)
class Advice:
    """Settings to begin with.

    Attributes:
        engine: Engine that serves these cards.
        declared: Whether the site starts it and the box only speaks to it.
        layout: Precision, cards that share a copy, copies; with memory and pace.
        context: Tokens of each sequence.
        slots: Sequences of one copy at once.
        options: Arguments beyond those that the box gives by itself.
        note: What to know.
    """

    engine: str
    declared: bool
    layout: Layout
    context: int
    slots: int
    options: tuple[str, ...]
    note: Bilingual


def recommend(model: KnownModel, fleet: Fleet, context: int = 0, concurrency: int = 16) -> Advice:
    """Recommends settings; a pure function of model and cards.

    Raises:
        ModelsError: The context is beyond the model's.
    """
    asked = Question(model.shape, fleet, context=context, concurrency=concurrency)
    plan = plan_serving(asked)
    chosen = plan.chosen
    vendor = fleet.sheet.vendor
    engine = "llama.cpp" if chosen.precision.gguf else _ENGINES[vendor]
    return Advice(
        engine=engine,
        declared=engine not in {"vllm", "llama.cpp"},
        layout=chosen,
        context=plan.question.context,
        slots=max(1, min(256, chosen.most_concurrent // chosen.copies)),
        options=() if chosen.precision.gguf else _options(model, chosen, vendor),
        note=_note(model, chosen),
    )


def _options(model: KnownModel, layout: Layout, vendor: str) -> tuple[str, ...]:
    if model.purpose != "chat":
        return ("--runner", "pooling")
    options = list(_ALWAYS)
    if model.shape.experts is not None and layout.split > 1:
        options.append("--enable-expert-parallel")
    scheme = _QUANTISED.get(layout.precision.key)
    if scheme is not None and vendor == "nvidia":
        options += ["--quantization", scheme]
    if layout.precision.key == "fp16":
        options += ["--dtype", "float16"]
    return tuple(options)


def _note(model: KnownModel, layout: Layout) -> Bilingual:
    if not layout.fits:
        return Bilingual("这些卡放不下该模型。", "These cards have no room for it.")
    if layout.precision.key == "fp16" and model.shape.architecture.startswith("gemma"):
        return Bilingual(
            "该模型按 bf16 训练,fp16 下可能溢出,上线前请用评测核对。",
            "It was trained in bf16 and may overflow in fp16: examine it before use.",
        )
    if layout.precision.quality > 0:
        return Bilingual(
            "需要相应的量化权重;上线前请用评测核对。",
            "It needs weights quantised so; examine it before use.",
        )
    return Bilingual("原始精度,无需转换。", "Original precision, nothing to convert.")
