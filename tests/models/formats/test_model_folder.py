"""Model folders: weights and settings pass; code, links and outside references do not."""

import json
import os
from pathlib import Path

import pytest

from models.formats.inspect import inspect_file
from tests.models.formats.build import gguf_bytes, safetensors_bytes, safetensors_file

CONFIG = {
    "model_type": "qwen3",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "vocab_size": 99,
    "max_position_embeddings": 512,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    root.mkdir()
    write(root, "config.json", CONFIG)
    (root / "model.safetensors").write_bytes(safetensors_bytes())
    write(root, "tokenizer_config.json", {"chat_template": "{{ messages[0].content }}"})
    write(root, "vocab.json", {"auto_map": 1})
    (root / "README.md").write_text("(a model.")
    (root / "LICENSE").write_text("Apache-2.0.")
    return root


def write(root: Path, name: str, content: object) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_plain_folder_is_accepted(folder: Path) -> None:
    verdict = inspect_file(folder)
    assert verdict.accepted, verdict.reason.en
    summary = verdict.summary
    assert summary is not None
    assert (summary.architecture, summary.layers, summary.kv_heads) == ("qwen3", 2, 2)
    assert (summary.head_dim, summary.parameters, summary.chat_template) == (16, 16, True)
    assert verdict.bytes == sum(p.stat().st_size for p in folder.iterdir())


TEXT_CASES = {
    "auto_map": ("config.json", {**CONFIG, "auto_map": {"AutoModel": "m.M"}}, "remote-code"),
    "auto_map deep": ("p.json", {"a": [{"auto_map": {"x": "y"}}]}, "remote-code"),
    "trust": ("generation_config.json", {"trust_remote_code": True}, "remote-code"),
    "python": ("modeling.py", "import os", "code-file"),
    "python below": ("sub/modeling.PY", "import os", "code-file"),
    "pth": ("x.pth", "import os", "code-file"),
    "notebook": ("x.ipynb", "{}", "code-file"),
    "template": (
        "tokenizer_config.json",
        {"chat_template": "{{ x.__class__ }}"},
        "template-attribute",
    ),
    "second template": (
        "tokenizer_config.json",
        {"chat_template": [{"name": "a", "template": "{% include 'x' %}"}]},
        "template-node",
    ),
    "template number": ("tokenizer_config.json", {"chat_template": 3}, "template-type"),
    "jinja file": ("chat_template.jinja", "{{ x._y }}", "template-attribute"),
    "duplicate key": ("config.json", '{"model_type":"a","model_type":"b"}', "json-duplicate"),
    "NaN": ("config.json", '{"rope_theta": NaN}', "json-number"),
    "depth": ("config.json", "[" * 100_000, "json-depth"),
    "config no object": ("config.json", "[]", "json"),
    "layers text": ("config.json", {**CONFIG, "num_hidden_layers": "2"}, "value-kind"),
    "layers true": ("config.json", {**CONFIG, "num_hidden_layers": True}, "value-kind"),
    "pickle": ("pytorch_model.bin", "\x80\x04K\x01.", None),
    "pickle as text": ("notes.txt", "\x80\x02K\x01.", None),
    "zip as picture": ("logo.png", "PK\x03\x04", "zip"),
    "script": ("notes.txt", "#!/bin/sh\n", "program"),
    "unknown file": ("weights.dat", "x", "file-kind"),
    "hidden file": (".env", "x", "file-kind"),
    "index outside": (
        "model.safetensors.index.json",
        {"weight_map": {"a": "../other.safetensors"}},
        "outside",
    ),
    "index absolute": (
        "model.safetensors.index.json",
        {"weight_map": {"a": "/etc/passwd"}},
        "outside",
    ),
    "index missing": (
        "model.safetensors.index.json",
        {"weight_map": {"a": "none.safetensors"}},
        "missing",
    ),
    "index lies": (
        "model.safetensors.index.json",
        {"weight_map": {"z": "model.safetensors"}},
        "tensor-map",
    ),
    "index empty": ("model.safetensors.index.json", {}, "tensor-map"),
    "too deep": ("a/b/c/d/e.json", {}, "limit"),
}


@pytest.mark.parametrize("name", TEXT_CASES)
def test_bad_folders_are_refused(name: str, folder: Path) -> None:
    file, content, rule = TEXT_CASES[name]
    if isinstance(content, str) and not content.isascii():
        (folder / file).write_bytes(content.encode("latin-1"))
    else:
        write(folder, file, content)
    verdict = inspect_file(folder)
    assert not verdict.accepted
    assert rule is None or verdict.rule == rule, verdict.reason.en
    assert verdict.kind == "folder"


def test_links_and_special_files_are_refused(folder: Path) -> None:
    link = folder / "tokenizer.json"
    link.symlink_to("/etc/hostname")
    assert inspect_file(folder).rule == "link"
    link.unlink()
    (folder / "sub").symlink_to("/etc")
    assert inspect_file(folder).rule == "link"
    (folder / "sub").unlink()
    os.mkfifo(folder / "pipe.json")
    assert inspect_file(folder).rule == "special"
    (folder / "pipe.json").unlink()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.json")).write_text("{}")
    assert inspect_file(folder).rule == "file-name"


def test_weights_are_needed_and_checked(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(safetensors_bytes() + b"x")
    assert inspect_file(folder).rule == "trailing"
    weights.unlink()
    assert inspect_file(folder).rule == "no-weights"
    (folder / "model.gguf").write_bytes(gguf_bytes())
    assert inspect_file(folder).accepted
    (folder / "model.gguf").write_bytes(gguf_bytes()[:-1])
    assert inspect_file(folder).rule == "tensor-past-eof"
    (folder / "model.gguf").unlink()
    weights.write_bytes(safetensors_bytes())
    (folder / "config.json").unlink()
    assert inspect_file(folder).rule == "no-config"


def test_shards_hold_what_the_index_says(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    one = {"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}
    two = {"b": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}
    (folder / "m-1.safetensors").write_bytes(safetensors_file(one, b"1234"))
    (folder / "m-2.safetensors").write_bytes(safetensors_file(two, b"1234"))
    index = {"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
    write(folder, "model.safetensors.index.json", index)
    assert inspect_file(folder).accepted
    both = {**one, "b": {**two["b"], "data_offsets": [4, 8]}}
    for place in ("consolidated.safetensors", "original/model.safetensors"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(safetensors_file(both, b"12345678"))
    summary = inspect_file(folder).summary  # the same weights in another cut are not counted again
    assert summary is not None
    assert (summary.parameters, summary.weight_bytes) == (8, 8)
    (folder / "m-2.safetensors").write_bytes(safetensors_file(one, b"1234"))
    assert not inspect_file(folder).accepted


def test_licences_come_under_many_names(folder: Path) -> None:
    for name in ("LICENSE-MODEL", "LICENSE_CODE", "MODEL_LICENSE", "Notice", "LICENCE"):
        (folder / name).write_text("words")
    assert inspect_file(folder).accepted
    (folder / "LICENSE-MODEL").write_text("#!/bin/sh")
    assert inspect_file(folder).rule == "program"


def test_many_small_things_are_refused_before_they_fill_the_memory(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("[" + "[]," * 4_500_000 + "0]")
    assert inspect_file(folder).rule == "limit"
    (folder / "tokenizer.json").unlink()
    for number in range(65):
        for file in range(65):
            write(folder, f"{number}/{file}.txt", "")
    verdict = inspect_file(folder)
    assert (verdict.rule, "4097" in verdict.reason.en) == ("limit", True)
