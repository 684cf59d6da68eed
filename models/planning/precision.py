"""How weights may be stored: bytes of each, what multiplies them, which engines read them."""

from dataclasses import dataclass
from typing import Final

from models.hardware.sheet import CardSheet


@dataclass(frozen=True, slots=True)
class Precision:
    """One way to store weights.

    Attributes:
        key: Short name.
        bytes_per_weight: Of matrices, scales included.
        embedding_bytes: Of an embedding weight, which most schemes leave in 16 bits.
        works_in: Units that multiply: "bf16", "fp16", "int8" or "fp8".
        quality: 0 is the original; greater loses more.
        gguf: Whether it is read by llama.cpp instead of vLLM.
        settled: Whether the weights at hand are stored so already.
    """

    key: str
    bytes_per_weight: float
    embedding_bytes: float
    works_in: str
    quality: int
    gguf: bool = False
    settled: bool = False


# Scales: one 16-bit number for a row (int8), for 128 x 128 (fp8), for 128 weights and a 4-bit
# zero (int4 AWQ or GPTQ). GGUF block layouts as in ggml-common.h: 34 bytes for 32 weights (Q8_0);
# Q4_K_M mixes 144 and 210 bytes for 256 weights, 4.85 bits on average.
BF16: Final = Precision("bf16", 2.0, 2.0, "bf16", 0)
FP16: Final = Precision("fp16", 2.0, 2.0, "fp16", 0)
PRECISIONS: Final[tuple[Precision, ...]] = (
    BF16,
    FP16,
    Precision("fp8", 1.001, 2.0, "fp8", 1),
    Precision("int8", 1.001, 2.0, "int8", 2),
    Precision("q8_0", 34 / 32, 34 / 32, "fp16", 1, gguf=True),
    Precision("int4", 0.52, 2.0, "bf16", 3),
    Precision("q4_k_m", 0.606, 0.606, "fp16", 3, gguf=True),
)
"""Every precision that is known, the original first."""

_SAME: Final = {
    "awq": "int4",
    "gptq": "int4",
    "w8a8": "int8",
    "bfloat16": "bf16",
    "float16": "fp16",
}
# Vendors for which llama.cpp has a back end.
_LLAMA_CPP: Final = frozenset({"nvidia", "hygon", "mthreads", "ascend"})


def precision_named(name: str) -> Precision | None:
    """The precision of a name, case and common synonyms forgiven."""
    folded = name.strip().lower().replace("-", "_")
    wanted = _SAME.get(folded, folded)
    return next((known for known in PRECISIONS if known.key == wanted), None)


def usable_on(sheet: CardSheet, precision: Precision) -> bool:
    """Whether a card multiplies in this precision, and an engine for it reads it there."""
    if precision.gguf:
        return sheet.vendor in _LLAMA_CPP and operations(sheet, precision) > 0
    if precision.key == "bf16":
        return sheet.bf16 > 0
    if precision.key == "fp16":
        return sheet.bf16 <= 0 < sheet.fp16
    return operations(sheet, precision) > 0


def operations(sheet: CardSheet, precision: Precision) -> float:
    """Operations a second of one card in this precision.

    4-bit weights are unpacked and multiplied in 16 bits, in whichever the card has.
    """
    if precision.works_in in {"bf16", "fp16"}:
        return sheet.flops(precision.works_in) or sheet.flops("fp16")
    return sheet.flops(precision.works_in)
