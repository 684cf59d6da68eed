"""Writes a trained model as GGUF for llama.cpp: Qwen3 and Llama shapes, F32, F16 and Q8_0."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import numpy.typing as npt
import orjson
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from models.training.errors import BaseUnusable, ExportFailed
from models.training.tokenizer import QWEN2_SPLIT, load, pieces

FileType = Literal["F32", "F16", "Q8_0"]
Floats = npt.NDArray[np.float32]

ARCHITECTURES = {"qwen3": gguf.MODEL_ARCH.QWEN3, "llama": gguf.MODEL_ARCH.LLAMA}
_STORED = {
    "F32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
PRE_TOKENIZER = "qwen2"
"""What llama.cpp calls the way in which the tokenizers of the house cut a text."""
# How llama.cpp names pre-tokenizers, by a part of their regular expression that no other has.
_PRE_TOKENIZERS = {r"\p{N}{1,3}": "llama-bpe", QWEN2_SPLIT: PRE_TOKENIZER, r"|\p{N}| ?": "qwen2"}


@dataclass(frozen=True, slots=True)
class _Source:
    """An opened model folder in the layout of transformers."""

    folder: Path
    config: Mapping[str, Any]
    tokenizer: Tokenizer

    @property
    def family(self) -> str:
        return str(self.config["model_type"])

    @property
    def rope_base(self) -> float:
        rope = self.config.get("rope_parameters") or {}
        kind = rope.get("rope_type", "default")
        if kind != "default" or self.config.get("rope_scaling"):
            raise BaseUnusable(reason=f"rotary scaling {kind}")
        return float(rope.get("rope_theta") or self.config.get("rope_theta") or 10_000.0)

    @property
    def head_dim(self) -> int:
        given = self.config.get("head_dim")
        return int(given or self.config["hidden_size"] // self.config["num_attention_heads"])


def write_gguf(folder: Path, target: Path, *, name: str, file_type: FileType = "Q8_0") -> Path:
    """Write the model in `folder` (config.json, safetensors, tokenizer.json) as one GGUF file.

    Metadata keys and tensor names follow the GGUF specification of ggml (docs/gguf.md). Vectors
    stay float32; rows whose width is no multiple of 32 stay float16 in a Q8_0 file.

    Args:
        folder: A merged model, no adapter.
        target: The file to write; it appears only when complete.
        name: `general.name`.
        file_type: How matrices are stored.

    Raises:
        BaseUnusable: The shape, rotary embedding or pre-tokenizer is not one we can express.
        ExportFailed: The folder is incomplete or its tensors do not fit its configuration.
    """
    source = _open(folder)
    draft = target.with_name(f".{target.name}.draft")
    writer = gguf.GGUFWriter(draft, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[source.family]])
    try:
        _describe(writer, source, name, file_type)
        _vocabulary(writer, source)
        for tensor_name, values in _tensors(source):
            _add(writer, tensor_name, values, file_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    except (SafetensorError, KeyError, ValueError, OSError) as fault:
        raise ExportFailed(reason=str(fault)) from fault
    finally:
        writer.close()
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(target)
    return target


def _open(folder: Path) -> _Source:
    try:
        config = orjson.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError) as fault:
        raise ExportFailed(reason=f"config.json: {fault}") from fault
    if not isinstance(config, dict) or config.get("model_type") not in ARCHITECTURES:
        raise BaseUnusable(reason="model_type")
    return _Source(folder, config, load(folder))


def _describe(writer: gguf.GGUFWriter, source: _Source, name: str, file_type: FileType) -> None:
    config = source.config
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(_STORED[file_type][1])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config.get("num_key_value_heads") or config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(source.head_dim)
    writer.add_value_length(source.head_dim)
    writer.add_rope_dimension_count(source.head_dim)
    writer.add_rope_freq_base(source.rope_base)
    writer.add_vocab_size(config["vocab_size"])


def _vocabulary(writer: gguf.GGUFWriter, source: _Source) -> None:
    parts = pieces(source.tokenizer)
    tokens, added = parts["tokens"], parts["added"]
    size = int(source.config["vocab_size"])
    if len(tokens) > size:
        raise ExportFailed(reason=f"{len(tokens)} tokens for {size} embedding rows")
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    for index, control in added.items():
        kinds[index] = gguf.TokenType.CONTROL if control else gguf.TokenType.USER_DEFINED
    spare = size - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pre_tokenizer(source.tokenizer))
    writer.add_token_list(tokens + [f"[PAD{index}]" for index in range(spare)])
    writer.add_token_types(kinds + [gguf.TokenType.UNUSED] * spare)
    writer.add_token_merges(parts["merges"])
    writer.add_add_bos_token(False)
    _special(writer, source)


def _special(writer: gguf.GGUFWriter, source: _Source) -> None:
    path = source.folder / "tokenizer_config.json"
    settings = orjson.loads(path.read_bytes()) if path.is_file() else {}
    for key, add in (
        ("eos_token", writer.add_eos_token_id),
        ("bos_token", writer.add_bos_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        token = settings.get(key)
        text = token.get("content") if isinstance(token, dict) else token
        index = source.tokenizer.token_to_id(text) if text else None
        if index is not None:
            add(index)
    template = source.folder / "chat_template.jinja"
    chat = template.read_text(encoding="utf-8") if template.is_file() else None
    chat = chat or settings.get("chat_template")
    if chat:
        writer.add_chat_template(chat)


def _pre_tokenizer(tokenizer: Tokenizer) -> str:
    document = orjson.loads(tokenizer.to_str())
    text = orjson.dumps(document.get("pre_tokenizer")).decode()
    for mark, name in _PRE_TOKENIZERS.items():
        if orjson.dumps(mark).decode().strip('"') in text:
            return name
    raise BaseUnusable(reason="unknown pre-tokenizer")


def _tensors(source: _Source) -> Iterator[tuple[str, Floats]]:
    """Yield tensors under their GGUF names, float32, in the order of the files."""
    layers = int(source.config["num_hidden_layers"])
    names = gguf.get_tensor_name_map(ARCHITECTURES[source.family], layers)
    seen = 0
    for path in sorted(source.folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - not a mapping
                if key == "lm_head.weight" and source.config.get("tie_word_embeddings"):
                    continue
                name = names.get_name(key, try_suffixes=(".weight", ".bias"))
                if name is None:
                    raise ExportFailed(reason=f"unknown tensor {key}")
                yield name, _rotary(source, key, tensors.get_tensor(key).float().numpy())
                seen += 1
    if not seen:
        raise ExportFailed(reason="no tensors")


def _rotary(source: _Source, key: str, values: Floats) -> Floats:
    """Reorder query and key rows of a Llama: llama.cpp rotates neighbours, transformers halves."""
    if source.family != "llama" or not key.endswith(("q_proj.weight", "k_proj.weight")):
        return values
    return neighbours(values, source.head_dim)


def halves(values: Floats, head_dim: int) -> Floats:
    """Put them back: the way from neighbours to two halves."""
    pairs = values.reshape(len(values) // head_dim, head_dim // 2, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


def neighbours(values: Floats, head_dim: int) -> Floats:
    """Put the rows of each head, two halves, into pairs of neighbours."""
    parts = values.reshape(len(values) // head_dim, 2, head_dim // 2, *values.shape[1:])
    return parts.swapaxes(1, 2).reshape(values.shape)


def _add(writer: gguf.GGUFWriter, name: str, values: Floats, file_type: FileType) -> None:
    kind = _STORED[file_type][0]
    if values.ndim < 2 or file_type == "F32":  # noqa: PLR2004 - vectors stay exact
        writer.add_tensor(name, np.ascontiguousarray(values))
    elif file_type == "F16" or values.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        writer.add_tensor(name, values.astype(np.float16))
    else:
        packed = gguf.quants.quantize(np.ascontiguousarray(values), kind)
        writer.add_tensor(name, packed, raw_dtype=kind)
