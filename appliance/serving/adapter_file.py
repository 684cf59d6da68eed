"""Judges a LoRA adapter in GGUF: for which architecture, with which pairs of matrices."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.serving.errors import AdapterRefused
from models.formats.gguf import GgufHeader, GgufTensor, read_gguf
from models.formats.gguf_model import architecture_of
from models.formats.gguf_parts import read_whole

_MOST_RANK: Final = 1024
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What an adapter's file says: its base's architecture, its rank and its matrices."""

    architecture: str
    rank: int
    pairs: int


def read_adapter(name: str, path: Path, base: Path) -> AdapterFacts:
    """Read an adapter's header and compare it with its base, tensor by tensor.

    llama.cpp (`llama-adapter.cpp`) takes `general.type` "adapter", `adapter.type` "lora", and for
    every matrix W of the base a pair `W.lora_a`, `W.lora_b` whose shapes fit W; a file that
    breaks this would end the engine at its start, so it is refused here.

    Args:
        name: What the adapter will be called.
        path: Its GGUF file.
        base: The GGUF file of its base.

    Raises:
        AdapterRefused: It is no LoRA, or none of this base.
        ModelsError: It is no sound GGUF file.
    """
    header, model = read_gguf(path), read_whole(base)
    for key, wanted in (("general.type", "adapter"), ("adapter.type", "lora")):
        value = header.metadata.get(key)
        if value is None or value.content != wanted:
            raise _refused(name, f"{key} 不是 {wanted}", f"{key} is not {wanted}")
    architecture = architecture_of(header.metadata)
    if architecture != architecture_of(model.metadata):
        raise _refused(name, "与基础模型的结构不同", "its architecture is not that of its base")
    weights = {tensor.name: tensor for tensor in model.tensors}
    return AdapterFacts(architecture, _rank(name, header, weights), len(header.tensors) // _PAIR)


def _rank(name: str, header: GgufHeader, weights: dict[str, GgufTensor]) -> int:
    """The largest rank of the pairs, after all of them were found to fit."""
    parts: dict[str, dict[str, GgufTensor]] = {}
    for tensor in header.tensors:
        weight, dot, side = tensor.name.rpartition(".")
        if not dot or side not in {"lora_a", "lora_b"}:
            raise _refused(name, "含有非 LoRA 张量", "it holds a tensor that is no LoRA matrix")
        parts.setdefault(weight, {})[side] = tensor
    if not parts:
        raise _refused(name, "不含张量", "it holds no tensors")
    return max(_fits(name, pair, weights.get(weight)) for weight, pair in parts.items())


def _fits(name: str, pair: dict[str, GgufTensor], weight: GgufTensor | None) -> int:
    if weight is None or len(pair) != _PAIR:
        raise _refused(name, "张量与基础模型不对应", "a tensor has no counterpart in its base")
    first, second, whole = pair["lora_a"].shape, pair["lora_b"].shape, weight.shape
    if {len(first), len(second), len(whole)} != {2}:
        raise _refused(name, "张量不是矩阵", "a tensor is no matrix")
    # GGUF tells the fastest dimension first: W is (in, out), A is (in, rank), B is (rank, out).
    sound = first[0] == whole[0] and second[1] == whole[1] and first[1] == second[0]
    if not sound or not 0 < first[1] <= _MOST_RANK:
        raise _refused(name, "张量形状与基础模型不符", "a tensor's shape does not fit its base")
    return int(first[1])


def _refused(name: str, zh: str, en: str) -> AdapterRefused:
    return AdapterRefused(adapter=name, reason_zh=zh, reason_en=en)
