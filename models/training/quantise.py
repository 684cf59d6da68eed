"""Quantises a GGUF file to the K types through the llama.cpp binding."""

from pathlib import Path
from typing import Any, Literal

from models.training.errors import ExportFailed

QuantType = Literal["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"]
# `enum llama_ftype` of llama.cpp's llama.h.
_CODES: dict[str, int] = {"Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18}


def quantise(
    binding: Any, source: Path, target: Path, *, kind: QuantType, threads: int = 1
) -> Path:
    """Write `source` (an F32 or F16 GGUF) as `target` with quantised matrices.

    Args:
        binding: The `llama_cpp` module from `models.engines.binding.load_binding`.
        source: The file to read.
        target: The file to write; it appears only when complete.
        kind: K types need row widths that are multiples of 256; llama.cpp falls back for others.
        threads: Threads to use.

    Raises:
        ExportFailed: llama.cpp refuses or fails.
    """
    draft = target.with_name(f".{target.name}.draft")
    settings = binding.llama_model_quantize_default_params()
    settings.ftype = _CODES[kind]
    settings.nthread = threads
    code = binding.llama_model_quantize(bytes(source), bytes(draft), settings)
    if code != 0 or not draft.is_file():
        draft.unlink(missing_ok=True)
        raise ExportFailed(reason=f"llama_model_quantize returned {code}")
    draft.replace(target)
    return target
