"""Reads a model's shape from its `config.json`, believing no number that it has not checked."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.formats.refusals import FileUnreadable, FolderRefused, quoted
from models.formats.strict_json import parse_json
from models.formats.view import open_view
from models.planning.errors import ConfigUnusable
from models.planning.families import DEFAULTS, NO_OUTPUT, TIED, TWO_MATRICES, WINDOW_PATTERN
from models.planning.shape import Experts, Latent, ModelShape

_NAME: Final = "config.json"
_LARGEST_FILE: Final = 1 << 20
# The largest of each that a real model comes near to, with room; beyond it a number is a mistake
# or an attack, and arithmetic on it would be nonsense.
_LIMITS: Final = {
    "layers": 1 << 10,
    "hidden": 1 << 17,
    "heads": 1 << 12,
    "kv_heads": 1 << 12,
    "head_dim": 1 << 12,
    "ffn": 1 << 20,
    "vocab": 1 << 22,
    "context": 1 << 27,
    "experts": 1 << 12,
    "rank": 1 << 16,
}
_NAMES: Final = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads", "multi_query_group_num", "num_kv_heads"),
    "head_dim": ("head_dim", "kv_channels"),
    "ffn": ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"),
    "vocab": ("vocab_size", "padded_vocab_size"),
    "context": ("max_position_embeddings", "n_positions", "seq_length", "model_max_length"),
}
_EXPERTS: Final = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
_ACTIVE: Final = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_k",
    "moe_topk",
)
_SHARED: Final = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
_FIRST: Final = ("first_k_dense_replace", "moe_layer_start_index")
# One layer of so many has experts.
_EVERY: Final = (
    "interleave_moe_layer_step",
    "expert_layer_period",
    "decoder_sparse_step",
    "moe_layer_interval",
)
_HINT: Final = re.compile(r"(num|n)_([a-z_]+_)?experts")
# Kinds of layers that keep a state of fixed size instead of a cache.
_RECURRENT: Final = frozenset({"linear_attention", "conv", "mamba", "recurrent"})


def read_config(folder: Path) -> ModelShape:
    """Reads the shape of the model in a folder; weights need not be there.

    Raises:
        ConfigUnusable: A number is missing or impossible.
        ModelsError: The file cannot be read; see `read_document`.
    """
    return shape_of_config(read_document(folder))


def read_document(folder: Path) -> Any:
    """Reads the `config.json` of a folder.

    Raises:
        FileUnreadable: There is no such file, or it is larger than 1 MiB.
        FolderRefused: It is no strict JSON (NaN, duplicate keys, depth).
    """
    path = folder / _NAME if folder.is_dir() else folder
    with open_view(path) as view:
        if view.size > _LARGEST_FILE:
            raise FileUnreadable(path=quoted(str(path)), reason="> 1 MiB")
        return parse_json(view.at(0, view.size), _NAME, FolderRefused)


def shape_of_config(document: Any) -> ModelShape:
    """Reads the shape from a parsed `config.json`.

    Raises:
        ConfigUnusable: A number is missing, of another type, negative, or beyond any model.
    """
    if not isinstance(document, dict):
        raise _unusable("$", "不是对象", "is no object")
    inner = document.get("text_config")
    config = {**document, **inner} if isinstance(inner, dict) else document
    kind = config.get("model_type", "")
    if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable():
        raise _unusable("model_type", "不是文本", "is no text")
    config = {**DEFAULTS.get(kind, {}), **config}
    read = _Numbers(config)
    heads, hidden = read.must("heads"), read.must("hidden")
    kv_heads = _kv_heads(config, read, heads)
    head_dim = read.may("head_dim") or hidden // heads
    if kv_heads > heads or heads % kv_heads or head_dim < 1:
        raise _unusable("num_key_value_heads", "与注意力头数不符", "does not divide the heads")
    layers = read.must("layers")
    window, window_layers = _window(config, read, layers)
    return ModelShape(
        architecture=kind[:64],
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        ffn=read.may("ffn") or 4 * hidden,
        vocab=read.must("vocab"),
        context=read.must("context"),
        tied=_flag(config, "tie_word_embeddings", default=kind in TIED) or kind in NO_OUTPUT,
        gated=kind not in TWO_MATRICES,
        experts=_experts(config, read, layers),
        latent=_latent(read),
        window=window,
        window_layers=window_layers,
        recurrent_layers=_of_kinds(config, layers, _RECURRENT),
    )


class _Numbers:
    """Whole numbers of a config, by what they mean."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def may(self, meaning: str) -> int:
        """The number, or 0 where the file has none."""
        for name in _NAMES[meaning]:
            if self._config.get(name) is not None:
                return self.named(name, _LIMITS[meaning])
        return 0

    def must(self, meaning: str) -> int:
        """The number, at least 1."""
        found = self.may(meaning)
        if found < 1:
            raise _unusable(_NAMES[meaning][0], "缺失或为零", "is missing or zero")
        return found

    def named(self, name: str, limit: int) -> int:
        """The number under exactly this name, 0 without."""
        value = self._config.get(name)
        if value is None:
            return 0
        if type(value) is not int:
            raise _unusable(name, "不是整数", "is no whole number")
        if not 0 <= value <= limit:
            raise _unusable(name, f"不在 0 到 {limit} 之间", f"does not lie between 0 and {limit}")
        return value

    def first(self, names: tuple[str, ...], limit: int) -> int:
        """The first of some names that holds a number above 0."""
        return next((found for name in names if (found := self.named(name, limit))), 0)


def _kv_heads(config: Mapping[str, Any], read: _Numbers, heads: int) -> int:
    # Falcon and StarCoder: one head of keys and values for all, said by a flag.
    if _flag(config, "multi_query", default=False):
        old = not _flag(config, "new_decoder_architecture", default=False)
        return 1 if old else read.may("kv_heads") or heads
    return read.may("kv_heads") or heads


def _experts(config: Mapping[str, Any], read: _Numbers, layers: int) -> Experts | None:
    most = _LIMITS["experts"]
    count = read.first(_EXPERTS, most)
    if count <= 1:
        _refuse_unknown_experts(config)
        return None
    active = read.first(_ACTIVE, most)
    ffn = read.first(("moe_intermediate_size", "intermediate_size"), _LIMITS["ffn"])
    shared = read.first(_SHARED, most)
    width = read.named("shared_expert_intermediate_size", _LIMITS["ffn"])
    if str(config.get("model_type", "")).startswith("llama4"):
        shared = 1  # every token uses one, which the file does not say
    if active < 1:
        raise _unusable("num_experts_per_tok", "缺失或为零", "is missing or zero")
    if active > count or ffn < 1:
        raise _unusable("num_experts_per_tok", "多于专家数", "exceeds the experts")
    return Experts(count, active, ffn, width or shared * ffn, _dense_layers(read, layers))


def _dense_layers(read: _Numbers, layers: int) -> int:
    """Layers without experts: the first ones, and those between."""
    most = _LIMITS["layers"]
    first = min(layers, read.first(_FIRST, most))
    every = read.first(_EVERY, most) or 1
    return layers - (layers - first) // every


def _refuse_unknown_experts(config: Mapping[str, Any]) -> None:
    """A mixture that is told in words not known here would be planned at a fraction of its size."""
    for key, value in config.items():
        counted = type(value) is int and value > 1
        if counted and key not in _SHARED and _HINT.fullmatch(key):
            raise _unusable(quoted(key), "无法理解", "is not understood")


def _latent(read: _Numbers) -> Latent | None:
    most = _LIMITS["rank"]
    rank = read.named("kv_lora_rank", most)
    if not rank:
        return None
    nope = read.named("qk_nope_head_dim", most)
    rope = read.named("qk_rope_head_dim", most)
    value = read.named("v_head_dim", most)
    if not nope or not rope or not value:
        raise _unusable("qk_nope_head_dim", "缺失", "is missing")
    return Latent(rank, rope, nope, value, read.named("q_lora_rank", most))


def _window(config: Mapping[str, Any], read: _Numbers, layers: int) -> tuple[int, int]:
    """The sliding window, and how many layers have it; `layer_types` knows best."""
    width = read.named("sliding_window", _LIMITS["context"])
    if not width or not _flag(config, "use_sliding_window", default=True):
        return 0, 0
    if isinstance(config.get("layer_types"), list):
        windowed = _of_kinds(config, layers, frozenset({"sliding_attention"}))
        return (width, windowed) if windowed else (0, 0)
    usual = WINDOW_PATTERN.get(str(config.get("model_type", "")), 0)
    pattern = read.named("sliding_window_pattern", layers) or usual
    return width, layers - layers // pattern if pattern else layers


def _of_kinds(config: Mapping[str, Any], layers: int, wanted: frozenset[str]) -> int:
    """How many layers are of some kinds, where the file names the kind of each."""
    kinds = config.get("layer_types")
    if not isinstance(kinds, list):
        return 0
    return sum(isinstance(kind, str) and kind in wanted for kind in kinds[:layers])


def _flag(config: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = config.get(name)
    return value if isinstance(value, bool) else default


def _unusable(field: str, reason_zh: str, reason_en: str) -> ConfigUnusable:
    return ConfigUnusable(where=_NAME, field=field, reason_zh=reason_zh, reason_en=reason_en)
