"""Opens a GGUF model as a base to train on: the way back from `export`, checked on the way."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import orjson
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from models.formats.gguf import read_gguf
from models.training.errors import BaseUnusable
from models.training.export import ARCHITECTURES, PRE_TOKENIZER, Floats, halves
from models.training.tokenizer import of_pieces, save

_LAYER: Final = (
    *(f"self_attn.{part}_proj" for part in "qkvo"),
    *(f"mlp.{part}_proj" for part in ("gate", "up", "down")),
    *("input_layernorm", "post_attention_layernorm", "self_attn.q_norm", "self_attn.k_norm"),
)
_CLASSES: Final = {"qwen3": "Qwen3ForCausalLM", "llama": "LlamaForCausalLM"}
_KINDS: Final = gguf.TokenType


def open_gguf(path: Path, folder: Path) -> Path:
    """Write a GGUF model as a folder of transformers: float32 safetensors and its tokenizer.

    Quantised weights are what they are in the file: an adapter is trained on the very numbers
    that it will be loaded beside.

    Args:
        path: The model, of one of the architectures that `export` writes.
        folder: Where to; a finished one is taken as it is.

    Raises:
        BaseUnusable: Its architecture, rotary scaling, tokenizer or tensors are not ones that we
            can bring back.
        ModelsError: It is no sound GGUF file.
    """
    if (folder / "model.safetensors").is_file():
        return folder
    read_gguf(path)
    reader = gguf.GGUFReader(path)
    told = {key: field.contents() for key, field in reader.fields.items()}
    family = told.get("general.architecture")
    if family not in ARCHITECTURES:
        raise BaseUnusable(reason=f"architecture {family}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save(_tokenizer(told), folder, template=told.get("tokenizer.chat_template"))
        stored = {tensor.name: tensor for tensor in reader.tensors}
        config = _config(family, told, stored)
        (folder / "config.json").write_bytes(orjson.dumps(config))
        tensors = {name: torch.from_numpy(one) for name, one in _tensors(config, stored)}
    except (KeyError, ValueError, TypeError, IndexError) as fault:
        raise BaseUnusable(reason=repr(fault)) from fault
    # Written last: a folder with weights is whole.
    draft = folder / ".model.draft"
    save_file(tensors, draft, metadata={"format": "pt"})
    draft.replace(folder / "model.safetensors")
    return folder


def _tokenizer(told: Mapping[str, Any]) -> Tokenizer:
    if told["tokenizer.ggml.model"] != "gpt2" or told["tokenizer.ggml.pre"] != PRE_TOKENIZER:
        raise BaseUnusable(reason=f"pre-tokenizer {told['tokenizer.ggml.pre']}")
    tokens, kinds = told["tokenizer.ggml.tokens"], told["tokenizer.ggml.token_type"]
    known = {text: at for at, text in enumerate(tokens) if kinds[at] != _KINDS.UNUSED}
    merges = [tuple(merge.split(" ")) for merge in told["tokenizer.ggml.merges"]]
    control = [text for text, at in known.items() if kinds[at] == _KINDS.CONTROL]
    own = [text for text, at in known.items() if kinds[at] == _KINDS.USER_DEFINED]
    return of_pieces(known, merges, control, own)


def _config(family: str, told: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    def number(key: str) -> Any:
        return told[f"{family}.{key}"]

    if told.get(f"{family}.rope.scaling.type", "none") != "none":
        raise BaseUnusable(reason="rotary scaling")
    width, heads = number("embedding_length"), number("attention.head_count")
    return {
        "model_type": family,
        "architectures": [_CLASSES[family]],
        "vocab_size": len(stored["token_embd.weight"].data),
        "hidden_size": width,
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": told.get(f"{family}.attention.head_count_kv", heads),
        "head_dim": told.get(f"{family}.attention.key_length", width // heads),
        "intermediate_size": number("feed_forward_length"),
        "max_position_embeddings": number("context_length"),
        "rms_norm_eps": number("attention.layer_norm_rms_epsilon"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": told.get(f"{family}.rope.freq_base", 10_000.0),
        },
        "tie_word_embeddings": "output.weight" not in stored,
        "attention_bias": False,
        "bos_token_id": told.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": told.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": told.get("tokenizer.ggml.padding_token_id", 0),
    }


def _tensors(config: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[tuple[str, Floats]]:
    """Yield every tensor of the file, float32, under its name in transformers."""
    layers = int(config["num_hidden_layers"])
    names = gguf.get_tensor_name_map(ARCHITECTURES[config["model_type"]], layers)
    keys = ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
    keys += [f"model.layers.{at}.{part}.weight" for at in range(layers) for part in _LAYER]
    ours = {names.get_name(key, try_suffixes=(".weight",)): key for key in keys}
    strange = sorted(set(stored) - set(ours))
    if strange:
        raise BaseUnusable(reason=f"tensor {strange[0]}")
    for name, tensor in stored.items():
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        key = ours[name]
        if config["model_type"] == "llama" and key.endswith(("q_proj.weight", "k_proj.weight")):
            values = halves(values, int(config["head_dim"]))
        yield key, np.ascontiguousarray(values)
