"""LoRA folders of peft: what fits its base is taken, written down anew; the rest is refused in words."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from appliance.serving.adapter_folder import digest_of_adapter, read_adapter_folder
from appliance.serving.adapter_intake import take_file, take_folder
from appliance.serving.errors import AdapterRefused
from models.errors import ModelsError

MODULE = "model.layers.0.self_attn.q_proj"
A, B = f"base_model.model.{MODULE}.lora_A.weight", f"base_model.model.{MODULE}.lora_B.weight"
GOOD = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}


def ones(*shape: int, kind: str = "float32"):
    return np.ones(shape, kind)


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    weights = {f"{MODULE}.weight": ones(6, 8), "model.norm.weight": ones(8)}
    save_file(weights, folder / "model.safetensors")
    return folder


def peft(folder, tensors=None, **config):
    folder.mkdir(exist_ok=True)
    save_file(tensors or {A: ones(2, 8), B: ones(6, 2)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({**GOOD, **config}))
    return folder


def test_a_lora_of_the_base_is_taken_and_its_words_are_ours(base, tmp_path) -> None:
    source = peft(tmp_path / "in", base_model_name_or_path="/etc/passwd", inference_mode=True)
    (source / "evil.py").write_text("raise SystemExit")
    row = take_folder("eye", source, tmp_path / "vault" / "eye", base)
    kept = tmp_path / "vault" / "eye"
    names = sorted(path.name for path in kept.iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
    told = json.loads((kept / "adapter_config.json").read_text())
    assert told == {
        "bias": "none",
        "lora_alpha": 4,
        "peft_type": "LORA",
        "r": 2,
        "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM",
        "use_rslora": False,
    }
    assert row.sha256 == digest_of_adapter(kept)
    (kept / "adapter_config.json").write_text("{}")
    assert row.sha256 != digest_of_adapter(kept)


@pytest.mark.parametrize(
    "config",
    [
        {"peft_type": "IA3"},
        {"peft_type": None},
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"auto_mapping": {"parent_library": "evil"}},
        {"bias": "all"},
        {"r": 0},
        {"r": 65},
        {"r": True},
        {"r": "2"},
        {"r": 2.5},
        {"lora_alpha": float("nan")},
        {"lora_alpha": -1},
        {"rank_pattern": {"q_proj": 8}},
        {"trainable_token_indices": [1]},
    ],
)
def test_a_configuration_that_means_more_is_refused(base, tmp_path, config) -> None:
    with pytest.raises(AdapterRefused):
        read_adapter_folder("eye", peft(tmp_path / "in", **config), base)


@pytest.mark.parametrize(
    "tensors",
    [
        {A: ones(2, 8)},
        {A: ones(2, 8), B: ones(6, 3)},
        {A: ones(2, 7), B: ones(6, 2)},
        {A: ones(2, 8, kind="int64"), B: ones(6, 2)},
        {A: ones(2, 8), B: ones(6, 2), "base_model.model.lm_head.weight": ones(2, 2)},
        {
            A.replace("layers.0", "layers.9"): ones(2, 8),
            B.replace("layers.0", "layers.9"): ones(6, 2),
        },
        {A.replace(MODULE, "model.norm"): ones(2, 8), B.replace(MODULE, "model.norm"): ones(8, 2)},
    ],
)
def test_matrices_that_do_not_fit_are_refused(base, tmp_path, tensors) -> None:
    with pytest.raises(AdapterRefused):
        read_adapter_folder("eye", peft(tmp_path / "in", tensors), base)


@pytest.mark.parametrize("raw", [b"", b"[" * 70_000, b"[]", b"\xff", b"{" + b" " * 70_000 + b"}"])
def test_a_configuration_that_is_none_is_refused(base, tmp_path, raw) -> None:
    source = peft(tmp_path / "in")
    (source / "adapter_config.json").write_bytes(raw)
    with pytest.raises(AdapterRefused):
        read_adapter_folder("eye", source, base)


def test_files_that_are_missing_or_malformed_are_refused(base, tmp_path) -> None:
    source = peft(tmp_path / "in")
    (source / "adapter_model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ModelsError):
        read_adapter_folder("eye", source, base)
    (source / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelsError):
        read_adapter_folder("eye", source, base)


def test_each_kind_of_base_takes_its_own_kind_of_adapter(base, tmp_path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(AdapterRefused, match="folder"):
        take_folder("eye", file, tmp_path / "out", base)
    with pytest.raises(AdapterRefused, match="GGUF file"):
        take_file("eye", peft(tmp_path / "in"), tmp_path / "out", file)
    assert not (tmp_path / "out").exists()
