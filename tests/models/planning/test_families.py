"""What families of models leave out of their settings, and how quantised folders are planned."""

import json

import pytest

from models.formats.gguf import read_gguf
from models.known.catalogue import known_model
from models.known.subject import find_subject
from models.planning.config import shape_of_config
from models.planning.errors import ConfigUnusable
from models.planning.header import shape_of_header
from models.planning.inquiry import Inquiry, answer
from tests.models.formats.build import ARR, BOOL, STR, U32, gguf_file, pair, tensor
from tests.models.planning.test_config import QWEN3_32B

# Shapes as published; the sums are those of the model classes of transformers 5.23, counted.
GEMMA3_4B = {
    "model_type": "gemma3",
    "text_config": {
        "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 34, "sliding_window": 1024,
    },
}  # fmt: skip
ERNIE = {
    "model_type": "ernie4_5_moe", "num_hidden_layers": 28, "hidden_size": 2560,
    "num_attention_heads": 20, "num_key_value_heads": 4, "intermediate_size": 12288,
    "vocab_size": 103424, "max_position_embeddings": 131072, "moe_num_experts": 64, "moe_k": 6,
    "moe_intermediate_size": 1536, "moe_num_shared_experts": 2, "moe_layer_start_index": 1,
}  # fmt: skip
SCOUT = {
    "model_type": "llama4",
    "text_config": {
        "model_type": "llama4_text", "num_hidden_layers": 48, "hidden_size": 5120,
        "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
        "intermediate_size": 8192, "intermediate_size_mlp": 16384, "vocab_size": 202048,
        "max_position_embeddings": 131072, "num_local_experts": 16, "num_experts_per_tok": 1,
        "interleave_moe_layer_step": 1,
    },
}  # fmt: skip
FALCON = {
    "model_type": "falcon", "num_hidden_layers": 32, "hidden_size": 4544, "vocab_size": 65024,
    "num_attention_heads": 71, "multi_query": True, "max_position_embeddings": 2048,
}  # fmt: skip
PHI = {
    "model_type": "phi", "num_hidden_layers": 24, "hidden_size": 2048, "vocab_size": 51200,
    "num_attention_heads": 32, "intermediate_size": 8192, "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}  # fmt: skip
CHATGLM = {
    "model_type": "chatglm", "num_layers": 40, "hidden_size": 4096, "num_attention_heads": 32,
    "multi_query_attention": True, "multi_query_group_num": 2, "kv_channels": 128,
    "ffn_hidden_size": 13696, "padded_vocab_size": 151552, "seq_length": 131072,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "billions"),
    [
        (GEMMA3_4B, 3.88), (ERNIE, 21.83), (SCOUT, 107.77), (FALCON, 6.92), (PHI, 1.42),
        (CHATGLM, 9.40),
    ],
)  # fmt: skip
def test_the_sum_is_that_of_the_published_model(config, billions) -> None:
    assert shape_of_config(config).parameters / 1e9 == pytest.approx(billions, rel=0.01)


def test_what_a_published_file_leaves_out_is_known() -> None:
    read, known = shape_of_config(GEMMA3_4B), known_model("MedGemma-4B").shape
    assert (read.heads, read.kv_heads, read.head_dim, read.context) == (8, 4, 256, 131_072)
    assert read.cached_numbers(131_072) == known.cached_numbers(131_072)  # not a window in all
    assert shape_of_config(CHATGLM).cache_numbers_per_token == 2 * 40 * 2 * 128


def test_layers_without_a_cache_take_none() -> None:
    kinds = (["linear_attention"] * 3 + ["full_attention"]) * 16
    read, plain = shape_of_config({**QWEN3_32B, "layer_types": kinds}), shape_of_config(QWEN3_32B)
    assert read.cache_numbers_per_token * 4 == plain.cache_numbers_per_token
    assert read.cached_numbers(4096) * 4 == plain.cached_numbers(4096)


def test_experts_in_unknown_words_are_not_planned_as_none() -> None:
    with pytest.raises(ConfigUnusable, match="num_secret_experts"):
        shape_of_config({**QWEN3_32B, "num_secret_experts": 64})
    assert shape_of_config({**QWEN3_32B, "num_experts": 1}).experts is None
    sparse = {**ERNIE, "decoder_sparse_step": 2, "moe_layer_start_index": 0}
    assert shape_of_config(sparse).experts.dense_layers == 14


def header_of(tmp_path, architecture: str, *pairs: bytes):
    numbers = {
        "block_count": 12, "embedding_length": 64, "attention.head_count": 4,
        "context_length": 8192, "vocab_size": 99, "attention.sliding_window": 512,
    }  # fmt: skip
    told = [pair("general.architecture", STR, architecture), *pairs]
    told += [pair(f"{architecture}.{key}", U32, number) for key, number in numbers.items()]
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf_file(told, [tensor("a", (16,), 0, 0)], b"\0" * 64))
    return shape_of_header(read_gguf(path))


def test_the_windows_of_a_gguf_are_those_of_its_engine(tmp_path) -> None:
    assert header_of(tmp_path, "gemma3").window_layers == 10
    assert header_of(tmp_path, "gpt-oss").window_layers == 6
    assert header_of(tmp_path, "llama").window_layers == 0  # llama.cpp gives it none
    key = "x.attention.sliding_window_pattern"
    assert header_of(tmp_path, "x", pair(key, U32, 4)).window_layers == 9
    flags = pair(key, ARR, (BOOL, [1, 1, 0] * 4))
    assert header_of(tmp_path, "x", flags).window_layers == 8


FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
AWQ = {"quant_method": "awq", "bits": 4}
PACKED = {
    "quant_method": "compressed-tensors",
    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}},
}


@pytest.mark.parametrize(("told", "key"), [(FP8, "fp8"), (AWQ, "int4"), (PACKED, "int8")])
def test_a_quantised_folder_is_planned_as_it_is(told, key, tmp_path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**QWEN3_32B, "quantization_config": told}))
    subject = find_subject(str(tmp_path))
    made = answer(subject, Inquiry("8x H20"))
    assert [one.precision.key for one in made.serving.precisions] == [key]
    assert "--quantization" not in made.advice.options  # the folder says it
    assert "already" in made.advice.note.en
    other = answer(subject, Inquiry("8x H20", precision="bf16"))
    assert other.serving.chosen.precision.key == "bf16"
    same = answer(subject, Inquiry("8x H20", precision=key))
    assert same.serving.chosen.precision.settled
    old = answer(subject, Inquiry("8x T4"))  # has neither fp8 nor bf16, but an answer
    assert old.serving.precisions


@pytest.mark.parametrize(
    "told",
    [
        None, [], "fp8", {}, {"quant_method": ["awq"]}, {"quant_method": "awq", "bits": "4"},
        {"quant_method": "awq", "bits": 3}, {"quant_method": "gptq", "bits": [4]},
        {"quant_method": "compressed-tensors", "config_groups": {}},
        {"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": []}}},
        {"quant_method": "modelopt", "quant_algo": "bf16"}, {"quant_method": "bitsandbytes"},
    ],
)  # fmt: skip
def test_what_is_not_understood_settles_nothing(told, tmp_path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**QWEN3_32B, "quantization_config": told}))
    made = answer(find_subject(str(tmp_path)), Inquiry("8x H20"))
    assert made.serving.chosen.precision.key == "bf16"
