"""Writes a LoRA of peft as a GGUF adapter that llama.cpp loads beside its base."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import orjson
from safetensors import SafetensorError, safe_open

from models.formats.gguf import GgufHeader, read_gguf
from models.formats.gguf_model import architecture_of
from models.training.errors import BaseUnusable, ExportFailed
from models.training.export import ARCHITECTURES, Floats, neighbours

_PREFIX: Final = "base_model.model."
_SIDES: Final = {"lora_A": "lora_a", "lora_B": "lora_b"}
# What a pair of matrices cannot say: each would change the answers if it were left out.
_UNSAID: Final[Mapping[str, object]] = {
    "use_dora": False,
    "fan_in_fan_out": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "bias": "none",
    "modules_to_save": None,
}


@dataclass(frozen=True, slots=True)
class _Base:
    """The base as its GGUF header tells it; shapes are (out, in), as numpy has them."""

    family: str
    layers: int
    head_dim: int
    shapes: Mapping[str, tuple[int, ...]]


def write_gguf_adapter(peft_folder: Path, base_gguf: Path, target: Path) -> Path:
    """Write the adapter that peft saved in a folder as one GGUF file for one base.

    Keys, names and shapes follow llama.cpp's `convert_lora_to_gguf.py`: `general.type` "adapter",
    `adapter.type` "lora", `adapter.lora.alpha`; for a weight W of the base (out, in) the pair
    `W.lora_a` (rank, in) and `W.lora_b` (out, rank), float32, so that W + alpha / rank x B A is
    what answers. Rows of B are put in the order in which the base's own rows stand.

    Args:
        peft_folder: `adapter_config.json` and `adapter_model.safetensors`.
        base_gguf: The model that it will be loaded beside.
        target: The file to write; it appears only when complete.

    Raises:
        BaseUnusable: The base's architecture is not one we can express.
        ExportFailed: The folder is incomplete, holds more than pairs of matrices (trained token
            rows, for example), or does not fit the base.
        ModelsError: The base is no sound GGUF file.
    """
    base = _read_base(read_gguf(base_gguf))
    alpha = _alpha(peft_folder)
    draft = target.with_name(f".{target.name}.draft")
    writer = gguf.GGUFWriter(draft, base.family)
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for name, values in sorted(_judged(base, dict(_matrices(base, peft_folder))).items()):
            writer.add_tensor(name, np.ascontiguousarray(values))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    except (SafetensorError, KeyError, ValueError, OSError) as fault:
        raise ExportFailed(reason=str(fault)) from fault
    finally:
        writer.close()
        if not draft.is_file() or not draft.stat().st_size:
            draft.unlink(missing_ok=True)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(target)
    return target


def _read_base(header: GgufHeader) -> _Base:
    family = architecture_of(header.metadata) or ""
    if family not in ARCHITECTURES:
        raise BaseUnusable(reason=f"architecture {family}")

    def number(key: str) -> int:
        value = header.metadata.get(f"{family}.{key}")
        return value.content if value is not None and isinstance(value.content, int) else 0

    heads, layers = number("attention.head_count"), number("block_count")
    if not heads or not layers:
        raise BaseUnusable(reason="attention.head_count, block_count")
    head_dim = number("attention.key_length") or number("embedding_length") // heads
    # GGUF tells the fastest dimension first.
    shapes = {tensor.name: tuple(reversed(tensor.shape)) for tensor in header.tensors}
    return _Base(family, layers, head_dim, shapes)


def _alpha(folder: Path) -> float:
    """The alpha that makes llama.cpp's alpha / rank the scale that peft trained with."""
    try:
        config = orjson.loads((folder / "adapter_config.json").read_bytes())
    except (OSError, ValueError) as fault:
        raise ExportFailed(reason=f"adapter_config.json: {fault}") from fault
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ExportFailed(reason="peft_type")
    for key, plain in _UNSAID.items():
        if config.get(key, plain) not in (plain, None):
            raise ExportFailed(reason=f"{key} cannot be said in GGUF")
    rank, alpha = _positive(config, "r"), _positive(config, "lora_alpha")
    return alpha * math.sqrt(rank) if config.get("use_rslora") else alpha


def _positive(config: dict[str, Any], key: str) -> float:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ExportFailed(reason=key)
    return float(value)


def _matrices(base: _Base, folder: Path) -> Iterator[tuple[str, Floats]]:
    """Yield matrices under their GGUF names."""
    names = gguf.get_tensor_name_map(ARCHITECTURES[base.family], base.layers)
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as tensors:
        for key in tensors.keys():  # noqa: SIM118 - not a mapping
            module, _, rest = key.removeprefix(_PREFIX).rpartition(".lora_")
            side = _SIDES.get(f"lora_{rest.removesuffix('.weight')}")
            weight = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
            if side is None or weight is None:
                raise ExportFailed(reason=f"{key} cannot be said in a GGUF adapter")
            values = tensors.get_tensor(key).float().numpy()
            if side == "lora_b" and base.family == "llama" and module.endswith(_TURNED):
                values = neighbours(values, base.head_dim)
            yield f"{weight}.{side}", values


_TURNED: Final = ("q_proj", "k_proj")


def _judged(base: _Base, found: dict[str, Floats]) -> dict[str, Floats]:
    """Pass pairs that fit their weight; what does not would end the engine at its start."""
    if not found:
        raise ExportFailed(reason="no tensors")
    for weight in {name.rpartition(".")[0] for name in found}:
        first, second = found.get(f"{weight}.lora_a"), found.get(f"{weight}.lora_b")
        whole = base.shapes.get(weight)
        if first is None or second is None or whole is None:
            raise ExportFailed(reason=f"{weight} has no counterpart")
        if (second.shape[0], first.shape[-1]) != whole or first.shape[0] != second.shape[-1]:
            raise ExportFailed(reason=f"{weight} {whole}: {first.shape}, {second.shape}")
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            raise ExportFailed(reason=f"{weight} is not finite")
    return found
