"""A GGUF adapter is the adapter that was trained: same logits, same text; what it cannot say is refused."""

import json
import shutil

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.training import adapter as adapters
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.adapter_export import write_gguf_adapter
from models.training.corpus import exchange
from models.training.errors import BaseUnusable, ExportFailed
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.parity import LlamaFile, compare
from models.training.recipe import Adapter
from tests.models.training.conftest import questions
from tests.models.training.test_export import SHAPES

pytestmark = pytest.mark.slow


def attached(folder, rank=8, alpha=24):
    """A base with an adapter whose matrices are large enough that answers differ."""
    torch.manual_seed(7)
    wrapped = adapters.attach(decoders.load(folder), Adapter(rank=rank, alpha=alpha))
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.15)
    return wrapped.eval()


@pytest.fixture(scope="module")
def made(tokenizer, tmp_path_factory):
    """Of each family: a base as a folder and as GGUF, and an adapter for it."""
    return {family: make(family, tokenizer, tmp_path_factory.mktemp(family)) for family in SHAPES}


def make(family, tokenizer, folder):
    end, padding = cutting.end_and_padding(tokenizer)
    model = decoders.build(SHAPES[family], seed=3, eos=end, pad=padding)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4)
    save_model(model, folder / "base")
    cutting.save(tokenizer, folder / "base")
    write_gguf(folder / "base", folder / "base.gguf", name="base", file_type="F32")
    adapters.save(attached(folder / "base"), folder / "lora")
    return folder


@pytest.fixture
def base(made, tmp_path):
    return copied(made["qwen3"], tmp_path)


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "made")


def written(base):
    return write_gguf_adapter(base / "lora", base / "base.gguf", base / "lora.gguf")


@pytest.mark.parametrize("family", SHAPES)
def test_llama_cpp_computes_what_peft_computes(made, family, tmp_path, tokenizer, binding):
    base = copied(made[family], tmp_path)
    prompts = [exchange(question, "x").prompt for question, _ in questions(9, 3)]
    end, _ = cutting.end_and_padding(tokenizer)
    wrapped, plain = attached(base / "base"), decoders.load(base / "base").eval()
    opened = LlamaFile(binding, base / "base.gguf", context=256, adapter=written(base))
    try:
        parity = compare(wrapped, tokenizer, opened, prompts, end=end, most=12)
        against = compare(plain, tokenizer, opened, prompts, end=end, most=1)
    finally:
        opened.close()
    parity.require(1e-3)
    assert against.logit_difference > 0.1  # it is the adapter that was compared


def test_its_keys_names_and_shapes_are_those_of_llama_cpp(base):
    reader = gguf.GGUFReader(written(base))
    told = {key: field.contents() for key, field in reader.fields.items()}
    assert told["general.type"] == "adapter"
    assert told["adapter.type"] == "lora"
    assert told["adapter.lora.alpha"] == 24
    assert told["general.architecture"] in SHAPES
    # Two layers of seven matrices; GGUF tells the fastest dimension first.
    assert len(reader.tensors) == 2 * 7 * 2
    shapes = {tensor.name: tuple(map(int, tensor.shape)) for tensor in reader.tensors}
    assert shapes["blk.0.ffn_down.weight.lora_a"] == (96, 8)
    assert shapes["blk.0.ffn_down.weight.lora_b"] == (8, 64)


def test_a_scale_by_the_root_of_the_rank_is_kept(base):
    change(base, use_rslora=True)
    reader = gguf.GGUFReader(written(base))
    assert reader.fields["adapter.lora.alpha"].contents() == pytest.approx(24 * 8**0.5)


def change(base, **settings):
    path = base / "lora/adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"use_dora": True},
        {"fan_in_fan_out": True},
        {"rank_pattern": {"q_proj": 4}},
        {"alpha_pattern": {"q_proj": 4}},
        {"bias": "all"},
        {"modules_to_save": ["lm_head"]},
        {"peft_type": "IA3"},
        {"r": 0},
        {"lora_alpha": None},
    ],
    ids=str,
)
def test_what_a_pair_cannot_say_is_refused(base, settings):
    change(base, **settings)
    with pytest.raises(ExportFailed):
        written(base)
    assert not list(base.glob("*lora.gguf*"))


def tensors(base, edit):
    path = base / "lora/adapter_model.safetensors"
    held = load_file(path)
    edit(held)
    save_file(held, path)


@pytest.mark.parametrize(
    "edit",
    [
        lambda held: held.clear(),
        lambda held: held.pop(min(held)),
        lambda held: held.update({min(held): torch.zeros(8, 7)}),
        lambda held: held.update({min(held): torch.full((8, 64), float("nan"))}),
        lambda held: held.update({sorted(held)[1]: torch.zeros(3)}),
        lambda held: held.update({"base_model.model.model.norm.lora_A.weight": torch.zeros(8, 64)}),
        lambda held: held.update(
            {"base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta":
             torch.zeros(3, 64)}
        ),
        lambda held: held.update({"x": torch.zeros(1)}),
    ],
)  # fmt: skip
def test_tensors_that_are_no_pairs_of_this_base_are_refused(base, edit):
    tensors(base, edit)
    with pytest.raises(ExportFailed):
        written(base)
    assert not list(base.glob("*lora.gguf*"))


def test_trained_token_rows_are_not_left_out_silently(base, tokenizer):
    wrapped = adapters.attach(decoders.load(base / "base"), Adapter(rank=4, alpha=8), [5, 9])
    adapters.save(wrapped, base / "lora")
    with pytest.raises(ExportFailed, match="trainable_tokens"):
        written(base)


def test_a_base_that_is_none_is_refused(base):
    (base / "lora/adapter_model.safetensors").unlink()
    with pytest.raises(ExportFailed):
        written(base)
    writer = gguf.GGUFWriter(base / "other.gguf", "gemma")
    writer.add_block_count(1)
    writer.add_tensor("token_embd.weight", np.zeros((32, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BaseUnusable):
        write_gguf_adapter(base / "lora", base / "other.gguf", base / "lora.gguf")
