"""Reads a model's shape from the header of a GGUF file."""

from pathlib import Path
from typing import Final

from models.formats.gguf import GgufHeader
from models.formats.gguf_model import architecture_of
from models.formats.gguf_parts import read_whole
from models.formats.gguf_values import ArrayValue
from models.planning.errors import ConfigUnusable
from models.planning.families import WINDOW_PATTERN
from models.planning.shape import Experts, Latent, ModelShape

_OUTPUT: Final = "output.weight"


def read_header(path: Path) -> tuple[ModelShape, int]:
    """Reads the shape of a GGUF model and the bytes of its weights.

    Raises:
        FileUnreadable: The file cannot be read.
        FolderRefused: It is in several files, and one is missing.
        GgufMalformed: It is no sound GGUF.
        ConfigUnusable: Its metadata describe no transformer.
    """
    header = read_whole(path)
    return shape_of_header(header), sum(tensor.size for tensor in header.tensors)


def shape_of_header(header: GgufHeader) -> ModelShape:
    """Draws the shape from a checked header.

    Raises:
        ConfigUnusable: A number that is needed is not there.
    """
    read = _Metadata(header)
    heads, hidden = read.must("attention.head_count"), read.must("embedding_length")
    kv_heads = read.count("attention.head_count_kv") or heads
    if kv_heads > heads or heads % kv_heads or heads > hidden:
        raise _unusable("attention.head_count_kv", "与注意力头数不符", "does not divide the heads")
    layers = read.must("block_count")
    window = read.count("attention.sliding_window")
    return ModelShape(
        architecture=read.architecture,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=read.count("attention.key_length") or hidden // heads,
        ffn=read.count("feed_forward_length") or 4 * hidden,
        vocab=read.vocabulary(),
        context=read.must("context_length"),
        tied=all(tensor.name != _OUTPUT for tensor in header.tensors),
        experts=_experts(read, layers),
        latent=_latent(read),
        window=window,
        window_layers=read.windowed(layers) if window else 0,
    )


class _Metadata:
    def __init__(self, header: GgufHeader) -> None:
        self._values = header.metadata
        self.architecture = architecture_of(header.metadata)

    def count(self, part: str) -> int:
        """A number under the architecture's name; the largest, where layers differ; 0 without."""
        value = self._values.get(f"{self.architecture}.{part}")
        content = value.content if value is not None else 0
        if isinstance(content, ArrayValue):
            content = max((n for n in content.items if type(n) is int), default=0)
        return content if type(content) is int and content > 0 else 0

    def must(self, part: str) -> int:
        """The number, at least 1."""
        found = self.count(part)
        if found < 1:
            raise _unusable(part, "缺失", "is missing")
        return found

    def windowed(self, layers: int) -> int:
        """Layers with a window: llama.cpp gives one to none where neither file nor family does."""
        value = self._values.get(f"{self.architecture}.attention.sliding_window_pattern")
        if value is not None and isinstance(value.content, ArrayValue):
            return min(layers, sum(1 for item in value.content.items if item))
        pattern = self.count("attention.sliding_window_pattern") or WINDOW_PATTERN.get(
            self.architecture, 0
        )
        return layers - layers // pattern if pattern else 0

    def vocabulary(self) -> int:
        """Tokens of the vocabulary."""
        value = self._values.get("tokenizer.ggml.tokens")
        if value is not None and isinstance(value.content, ArrayValue):
            return max(1, value.content.count)
        return self.must("vocab_size")


def _experts(read: _Metadata, layers: int) -> Experts | None:
    count, active = read.count("expert_count"), read.count("expert_used_count")
    if count <= 1:
        return None
    if not 0 < active <= count:
        raise _unusable("expert_used_count", "多于专家数", "exceeds the experts")
    ffn = read.count("expert_feed_forward_length") or read.must("feed_forward_length")
    shared = read.count("expert_shared_feed_forward_length") or (
        read.count("expert_shared_count") * ffn
    )
    return Experts(count, active, ffn, shared, min(layers, read.count("leading_dense_block_count")))


def _latent(read: _Metadata) -> Latent | None:
    rank = read.count("attention.kv_lora_rank")
    if not rank:
        return None
    key = read.count("attention.key_length_mla") or read.must("attention.key_length")
    value = read.count("attention.value_length_mla") or read.must("attention.value_length")
    rope = read.must("rope.dimension_count")
    return Latent(rank, rope, max(1, key - rope), value, read.count("attention.q_lora_rank"))


def _unusable(field: str, reason_zh: str, reason_en: str) -> ConfigUnusable:
    return ConfigUnusable(where="GGUF", field=field, reason_zh=reason_zh, reason_en=reason_en)
