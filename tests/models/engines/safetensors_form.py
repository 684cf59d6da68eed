"""The reference model as a safetensors folder: weights taken out of the GGUF, tokenizer rebuilt."""

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

from models.training.tokenizer import QWEN2_SPLIT

_WHOLE = {"token_embd": "embed_tokens", "output_norm": "norm"}
_LAYER = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip


def write_safetensors_form(source: Path, folder: Path) -> Path:
    """Writes config.json, model.safetensors (float32) and the tokenizer beside each other."""
    folder.mkdir(parents=True)
    reader = gguf.GGUFReader(source)
    told = {key: field.contents() for key, field in reader.fields.items()}
    tensors = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        shape = [int(size) for size in tensor.shape[::-1]]
        tensors[_name(tensor.name)] = np.ascontiguousarray(values).reshape(shape)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": len(told["tokenizer.ggml.tokens"]),
        "hidden_size": told["qwen3.embedding_length"],
        "intermediate_size": told["qwen3.feed_forward_length"],
        "num_hidden_layers": told["qwen3.block_count"],
        "num_attention_heads": told["qwen3.attention.head_count"],
        "num_key_value_heads": told["qwen3.attention.head_count_kv"],
        "head_dim": told["qwen3.attention.key_length"],
        "rms_norm_eps": float(told["qwen3.attention.layer_norm_rms_epsilon"]),
        "rope_theta": float(told["qwen3.rope.freq_base"]),
        "max_position_embeddings": told["qwen3.context_length"],
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "hidden_act": "silu",
        "attention_bias": False,
        "eos_token_id": told["tokenizer.ggml.eos_token_id"],
    }
    _write(folder / "config.json", config)
    _write(folder / "tokenizer.json", _tokenizer(told))
    end = told["tokenizer.ggml.tokens"][told["tokenizer.ggml.eos_token_id"]]
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": end,
        "pad_token": end,
        "model_max_length": config["max_position_embeddings"],
        "chat_template": told["tokenizer.chat_template"],
    }
    _write(folder / "tokenizer_config.json", settings)
    return folder


def _name(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{_LAYER[parts[2]]}.weight"
    return f"model.{_WHOLE[parts[0]]}.weight"


def _tokenizer(told: dict) -> dict:
    tokens, kinds = told["tokenizer.ggml.tokens"], told["tokenizer.ggml.token_type"]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [
        {"id": index, "content": tokens[index], **plain, "special": kind == 3}
        for index, kind in enumerate(kinds)
        if kind in {3, 4}
    ]
    split = {"type": "Split", "pattern": {"Regex": QWEN2_SPLIT}, "behavior": "Isolated"}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    level |= {"use_regex": False}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {tokens[n]: n for n, kind in enumerate(kinds) if kind not in {3, 4, 5}},
        "merges": [merge.split(" ") for merge in told["tokenizer.ggml.merges"]],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**split, "invert": False}, level]},
        "post_processor": None,
        "decoder": level,
        "model": model,
    }


def _write(path: Path, document: dict) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
