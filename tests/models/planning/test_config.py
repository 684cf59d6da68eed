"""Shapes from config.json and GGUF: real layouts are read, hostile numbers are refused."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelsError
from models.formats.refusals import FileUnreadable, FolderRefused
from models.known.catalogue import known_model
from models.known.subject import find_subject, stored_subject, whole_shape
from models.planning.config import read_config, shape_of_config
from models.planning.errors import ConfigUnusable
from models.planning.header import read_header
from models.planning.inquiry import Inquiry, answer

REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model/wardbox-reference.gguf"
QWEN3_32B = {
    "model_type": "qwen3", "num_hidden_layers": 64, "hidden_size": 5120,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 25600, "vocab_size": 151936, "max_position_embeddings": 40960,
    "tie_word_embeddings": False, "sliding_window": None, "use_sliding_window": False,
}  # fmt: skip
R1 = {
    "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
    "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432,
    "vocab_size": 129280, "max_position_embeddings": 163840, "n_routed_experts": 256,
    "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_shared_experts": 1,
    "first_k_dense_replace": 3, "kv_lora_rank": 512, "q_lora_rank": 1536,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "tie_word_embeddings": False,
}  # fmt: skip
LING = {
    "model_type": "bailing_moe_v2", "num_hidden_layers": 32, "hidden_size": 4096,
    "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
    "intermediate_size": 9216, "vocab_size": 157184, "max_position_embeddings": 32768,
    "num_experts": 256, "num_experts_per_tok": 8, "num_shared_experts": 1,
    "moe_intermediate_size": 1024, "first_k_dense_replace": 1, "tie_word_embeddings": False,
}  # fmt: skip
MEDGEMMA = {
    "model_type": "gemma3",
    "text_config": {
        "model_type": "gemma3_text", "num_hidden_layers": 62, "hidden_size": 5376,
        "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128,
        "intermediate_size": 21504, "vocab_size": 262208, "max_position_embeddings": 131072,
        "sliding_window": 1024, "sliding_window_pattern": 6,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "name"), [(QWEN3_32B, "Qwen3-32B"), (R1, "DeepSeek-R1"), (LING, "Ling-flash-2.0")]
)
def test_a_config_gives_the_known_shape(config, name) -> None:
    read, known = shape_of_config(config), known_model(name).shape
    assert read.parameters == known.parameters
    assert read.active_parameters == known.active_parameters
    assert read.cache_numbers_per_token == known.cache_numbers_per_token


def test_a_window_is_in_most_layers_of_gemma() -> None:
    shape = shape_of_config(MEDGEMMA)
    assert (shape.window, shape.window_layers, shape.tied) == (1024, 52, True)
    layered = copy.deepcopy(MEDGEMMA)
    kinds = ["sliding_attention"] * 5 + ["full_attention"]
    layered["text_config"]["layer_types"] = (kinds * 11)[:62]
    assert shape_of_config(layered).window_layers == 52
    full = known_model("MedGemma-27B").shape
    assert full.cached_numbers(131_072) < full.cache_numbers_per_token * 131_072 / 4


hostile = st.sampled_from(
    [
        -1, 0, 1 << 40, 10**400, 1.5, float("nan"), float("inf"), "64", "", None, True, [], {},
        [64], {"a": 1}, "\x1b[2J", 1 << 62, -(10**30),
    ]
)  # fmt: skip


@given(st.sampled_from([QWEN3_32B, R1, LING]), st.data())
def test_hostile_numbers_are_refused_or_planned_with(config, data) -> None:
    changed = dict(config)
    for key in data.draw(st.lists(st.sampled_from(sorted(config)), min_size=1, max_size=3)):
        changed[key] = data.draw(hostile)
    try:
        shape = shape_of_config(changed)
    except ConfigUnusable:
        return
    assert 0 < shape.parameters < 10**19
    assert shape.cached_numbers(shape.context) >= 0
    assert shape.widths[0] == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(json_values)
def test_anything_else_is_a_refusal(document) -> None:
    with pytest.raises(ConfigUnusable):
        shape_of_config(document)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"num_hidden_layers": NaN}', '{"hidden_size": 1e999}', "\ufeff{}",
        '{"a": 1, "a": 2}', "[" * 100_000, '{"num_hidden_layers": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_a_hostile_file_is_a_refusal(tmp_path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises((FolderRefused, ConfigUnusable)) as caught:
        read_config(tmp_path)
    assert caught.value.way_out


def test_a_huge_or_missing_file_is_not_read(tmp_path) -> None:
    with pytest.raises(FileUnreadable):
        read_config(tmp_path)
    with (tmp_path / "config.json").open("wb") as stream:
        stream.truncate(1 << 34)
    with pytest.raises(FileUnreadable):
        read_config(tmp_path)


def test_a_folder_and_a_gguf_are_planned(tmp_path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN3_32B))
    subject = find_subject(str(tmp_path))
    assert answer(subject, Inquiry("8x H20")).serving.chosen.fits
    shape, size = read_header(REFERENCE)
    assert shape.parameters == pytest.approx(size, rel=0.1)
    made = answer(find_subject(str(REFERENCE)), Inquiry("L20"))
    assert made.serving.chosen.precision.gguf
    assert made.serving.chosen.memory.weights == pytest.approx(size, rel=0.01)
    with pytest.raises(ModelsError):
        answer(find_subject(str(REFERENCE)), Inquiry("MLU590"))


def test_garbage_is_no_model(tmp_path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ModelsError):
        stored_subject("x", path)
    assert whole_shape(path) is None
    assert whole_shape(REFERENCE).layers == 4
