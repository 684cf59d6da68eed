"""A GGUF file holds the trained model: same tokens, same logits, same text."""

import json
import shutil

import gguf
import numpy as np
import pytest
import torch

from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.corpus import exchange
from models.training.errors import BaseUnusable, ExportFailed, ParityBroken, TokenizerMalformed
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.parity import LlamaFile, Parity, compare
from models.training.quantise import quantise
from models.training.recipe import Shape
from tests.models.training.conftest import questions

pytestmark = pytest.mark.slow

SHAPES = {
    "qwen3": Shape(
        vocabulary=4544,
        width=64,
        layers=2,
        heads=2,
        kv_heads=1,
        head_dim=32,
        feed_forward=96,
        context=256,
    ),
    "llama": Shape(
        family="llama",
        vocabulary=4544,
        width=64,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=16,
        feed_forward=96,
        context=256,
        tied=False,
        rope_base=50_000.0,
    ),
}


@pytest.fixture(params=SHAPES)
def folder(request, tokenizer, tmp_path):
    end, padding = cutting.end_and_padding(tokenizer)
    model = decoders.build(SHAPES[request.param], seed=3, eos=end, pad=padding)
    with torch.no_grad():  # weights large enough that answers differ from each other
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4)
    save_model(model, tmp_path / "model")
    cutting.save(tokenizer, tmp_path / "model")
    return tmp_path / "model"


def fields(path):
    reader = gguf.GGUFReader(path)
    return {key: field.contents() for key, field in reader.fields.items()}, reader


def test_the_metadata_is_complete(folder, tokenizer, tmp_path):
    values, reader = fields(write_gguf(folder, tmp_path / "m.gguf", name="probe"))
    arch = values["general.architecture"]
    shape = SHAPES[arch]
    assert values["general.name"] == "probe"
    assert values["general.file_type"] == 7
    assert values[f"{arch}.context_length"] == 256
    assert values[f"{arch}.attention.head_count_kv"] == shape.kv_heads
    assert values[f"{arch}.attention.key_length"] == shape.head_dim
    assert values[f"{arch}.rope.freq_base"] == shape.rope_base
    assert values["tokenizer.ggml.pre"] == "qwen2"
    assert values["tokenizer.ggml.add_bos_token"] is False
    assert values["tokenizer.chat_template"] == cutting.CHAT_TEMPLATE
    kinds = values["tokenizer.ggml.token_type"]
    assert len(kinds) == shape.vocabulary
    assert kinds[tokenizer.token_to_id("<|im_end|>")] == 3
    assert kinds[tokenizer.token_to_id("⟦姓名⟧")] == 4
    assert kinds[-1] == 5
    names = {tensor.name for tensor in reader.tensors}
    assert ("output.weight" in names) == (not shape.tied)
    assert {"token_embd.weight", "output_norm.weight", "blk.1.ffn_down.weight"} <= names


def test_the_house_reader_accepts_the_file(folder, tmp_path):
    inspect = pytest.importorskip("models.formats.inspect")
    verdict = inspect.inspect_file(write_gguf(folder, tmp_path / "m.gguf", name="probe"))
    assert verdict.accepted, verdict.reason


def test_q8_is_near_and_f32_is_exact(folder, tmp_path):
    _, exact = fields(write_gguf(folder, tmp_path / "a.gguf", name="x", file_type="F32"))
    _, packed = fields(write_gguf(folder, tmp_path / "b.gguf", name="x", file_type="Q8_0"))
    for one, two in zip(exact.tensors, packed.tensors, strict=True):
        assert one.name == two.name
        whole = gguf.quants.dequantize(one.data, one.tensor_type)
        near = gguf.quants.dequantize(two.data, two.tensor_type)
        assert np.abs(whole - near).max() <= np.abs(whole).max() / 127


@pytest.mark.parametrize(("file_type", "limit"), [("F32", 1e-3), ("F16", 5e-2)])
def test_llama_cpp_computes_the_same(folder, tokenizer, tmp_path, binding, file_type, limit):
    path = write_gguf(folder, tmp_path / "m.gguf", name="x", file_type=file_type)
    prompts = [exchange(question, "x").prompt for question, _ in questions(9, 4)]
    prompts += ["⟦姓名⟧ 2025-01-02 12:30\n\n  ABC,def、K1:43.5", "犇骉 é ñ 🏥 don't we'll"]
    opened = LlamaFile(binding, path, context=256)
    try:
        end, _ = cutting.end_and_padding(tokenizer)
        model = decoders.load(folder).eval()
        parity = compare(model, tokenizer, opened, prompts, end=end, most=12)
    finally:
        opened.close()
    assert parity.same_tokens == parity.texts
    assert parity.logit_difference < limit
    if file_type == "F32":
        parity.require(limit)


def test_parity_refuses_a_difference():
    Parity(1e-5, 3, 3, 3).require(1e-4)
    for broken in (
        Parity(1e-3, 3, 3, 3),
        Parity(0.0, 3, 2, 3),
        Parity(0.0, 2, 3, 3),
        Parity(float("nan"), 3, 3, 3),
    ):
        with pytest.raises(ParityBroken):
            broken.require(1e-4)


def test_llama_cpp_quantises(folder, tmp_path, binding):
    source = write_gguf(folder, tmp_path / "a.gguf", name="x", file_type="F32")
    target = quantise(binding, source, tmp_path / "b.gguf", kind="Q4_K_M")
    assert target.stat().st_size < source.stat().st_size / 2
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    with pytest.raises(ExportFailed):
        quantise(binding, tmp_path / "bad.gguf", tmp_path / "c.gguf", kind="Q8_0")
    assert not (tmp_path / "c.gguf").exists()


def change(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"model_type": "gpt2"}, BaseUnusable),
        ({"rope_scaling": {"type": "yarn"}}, BaseUnusable),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0}}, BaseUnusable),
        ({"vocab_size": 10}, ExportFailed),
    ],
)
def test_what_cannot_be_said_is_refused(folder, tmp_path, settings, refusal):
    change(folder, **settings)
    with pytest.raises(refusal):
        write_gguf(folder, tmp_path / "m.gguf", name="x")
    assert not (tmp_path / "m.gguf").exists()
    assert not list(tmp_path.glob(".*.draft"))


def test_an_incomplete_folder_is_refused(folder, tmp_path):
    (folder / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ExportFailed):
        write_gguf(folder, tmp_path / "m.gguf", name="x")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ExportFailed):
        write_gguf(folder, tmp_path / "m.gguf", name="x")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(TokenizerMalformed):
        write_gguf(folder, tmp_path / "m.gguf", name="x")
    shutil.rmtree(folder)
    with pytest.raises(ExportFailed):
        write_gguf(folder, tmp_path / "m.gguf", name="x")
    with pytest.raises(BaseUnusable):
        decoders.load(folder)
