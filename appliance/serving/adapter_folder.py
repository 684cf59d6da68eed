"""Judges a LoRA as peft saves it, for a safetensors base, and writes down only what was judged."""

import json
import math
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from appliance.serving.errors import AdapterRefused
from models.formats.safetensors import SafetensorsTensor, read_safetensors
from models.formats.view import open_view
from models.registry.intake import digest_of
from secure_compute.canonical import canonical_bytes

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
MOST_RANK: Final = 64
"""What engines are started with room for (`VllmOptions.adapter_rank`)."""

_MAX_CONFIG: Final = 1 << 16
_PREFIX: Final = "base_model.model."
_TYPES: Final = frozenset({"F32", "F16", "BF16"})
_MATRIX: Final = 2
# What a pair of matrices cannot say: each would change the answers if it were left out.
_UNSAID: Final[Mapping[str, object]] = {
    "use_dora": False,
    "fan_in_fan_out": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "bias": "none",
    "modules_to_save": None,
    "trainable_token_indices": None,
    "layer_replication": None,
    "auto_mapping": None,
}


def read_adapter_folder(name: str, folder: Path, base: Path) -> bytes:
    """Read a peft folder and compare its matrices with the weights of a base, tensor by tensor.

    For every weight W (out, in) that it changes, vLLM takes a pair `lora_A` (rank, in) and `lora_B`
    (out, rank) (vLLM, `lora/peft_helper.py`); what breaks this would fail when the first request
    comes, so it is refused here.

    Args:
        name: What the adapter will be called.
        folder: `adapter_config.json` and `adapter_model.safetensors`; nothing else in it is read.
        base: The folder of its base.

    Returns:
        The configuration, made anew of what was judged: what the engine reads.

    Raises:
        AdapterRefused: It is no LoRA, or none of this base.
        ModelsError: A file is not sound.
    """
    config = _config(name, folder / CONFIG)
    rank = _rank(name, config)
    weights: dict[str, SafetensorsTensor] = {}
    for path in sorted(base.glob("*.safetensors")):
        weights.update((one.name, one) for one in read_safetensors(path).tensors)
    pairs: dict[str, dict[str, SafetensorsTensor]] = {}
    for tensor in read_safetensors(folder / WEIGHTS).tensors:
        module, _, side = tensor.name.removesuffix(".weight").rpartition(".")
        if side not in {"lora_A", "lora_B"} or tensor.dtype not in _TYPES:
            raise _refused(name, "含有非 LoRA 张量", "it holds a tensor that is no LoRA matrix")
        pairs.setdefault(module.removeprefix(_PREFIX), {})[side] = tensor
    if not pairs:
        raise _refused(name, "不含张量", "it holds no tensors")
    for module, pair in pairs.items():
        _fits(name, pair, weights.get(f"{module}.weight"), rank)
    alpha = _positive(name, config, "lora_alpha")
    told: dict[str, Any] = {
        "bias": "none",
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": sorted({module.rpartition(".")[2] for module in pairs}),
        "task_type": "CAUSAL_LM",
        "use_rslora": config.get("use_rslora") is True,
    }
    return json.dumps(told, sort_keys=True).encode()


def digest_of_adapter(path: Path) -> str:
    """SHA-256 of an adapter: of its file, or over both files of a folder."""
    if not path.is_dir():
        return digest_of(path)
    rows = {name: digest_of(path / name) for name in (CONFIG, WEIGHTS)}
    return sha256(canonical_bytes(rows)).hexdigest()


def _config(name: str, path: Path) -> dict[str, Any]:
    with open_view(path) as view:
        raw = view.at(0, _MAX_CONFIG + 1)
    try:
        config = json.loads(raw) if len(raw) <= _MAX_CONFIG else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _refused(name, f"{CONFIG} 不是 LoRA 配置", f"{CONFIG} describes no LoRA")
    for key, plain in _UNSAID.items():
        if config.get(key, plain) not in (plain, None):
            raise _refused(name, f"不支持 {key}", f"{key} is not supported")
    return config


def _rank(name: str, config: dict[str, Any]) -> int:
    rank = _positive(name, config, "r")
    if rank != int(rank) or rank > MOST_RANK:
        raise _refused(name, f"秩须为 1 至 {MOST_RANK}", f"its rank is not 1 to {MOST_RANK}")
    return int(rank)


def _positive(name: str, config: dict[str, Any], key: str) -> float:
    value = config.get(key)
    sound = isinstance(value, int | float) and not isinstance(value, bool)
    if not sound or not math.isfinite(float(value or 0)) or float(value or 0) <= 0:
        raise _refused(name, f"{key} 有误", f"{key} is no positive number")
    return float(value or 0)


def _fits(
    name: str, pair: dict[str, SafetensorsTensor], weight: SafetensorsTensor | None, rank: int
) -> None:
    if weight is None or len(pair) != _MATRIX or len(weight.shape) != _MATRIX:
        raise _refused(name, "张量与基础模型不对应", "a tensor has no counterpart in its base")
    first, second, (out, into) = pair["lora_A"].shape, pair["lora_B"].shape, weight.shape
    if first != (rank, into) or second != (out, rank):
        raise _refused(name, "张量形状与基础模型不符", "a tensor's shape does not fit its base")


def _refused(name: str, zh: str, en: str) -> AdapterRefused:
    return AdapterRefused(adapter=name, reason_zh=zh, reason_en=en)
