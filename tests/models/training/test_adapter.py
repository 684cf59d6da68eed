"""Adapters: attached, trained with rows of unseen tokens, merged to the same outputs."""

from dataclasses import replace

import pytest
import torch

from models.training import adapter as adapters
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.corpus import exchange, write
from models.training.errors import BaseUnusable
from models.training.job import save_model
from models.training.loop import Surroundings, train
from models.training.recipe import Adapter
from tests.models.training.conftest import questions

pytestmark = pytest.mark.slow


@pytest.fixture
def base(recipe, tokenizer, tmp_path):
    end, padding = cutting.end_and_padding(tokenizer)
    model = decoders.build(recipe.shape, seed=1, eos=end, pad=padding)
    save_model(model, tmp_path / "base")
    cutting.save(tokenizer, tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def corpus(tokenizer, examples, tmp_path):
    return write(tmp_path / "corpus", examples, tokenizer, longest=128)


def test_only_the_adapter_and_the_rows_are_trained(base, corpus, recipe):
    rows = [7, 9]
    wrapped = adapters.attach(decoders.load(base), Adapter(rank=4, alpha=8), rows)
    trained = {name: p for name, p in wrapped.named_parameters() if p.requires_grad}
    assert all("lora_" in name or "trainable_tokens" in name for name in trained)
    before = {name: p.detach().clone() for name, p in wrapped.named_parameters()}
    train(wrapped, corpus, replace(recipe, adapter=Adapter(rank=4, alpha=8)), Surroundings())
    for name, parameter in wrapped.named_parameters():
        if name not in trained:
            assert torch.equal(parameter, before[name]), name


def test_merging_keeps_the_outputs(base, corpus, recipe):
    wrapped = adapters.attach(decoders.load(base), Adapter(rank=4, alpha=8), [20, 30])
    train(wrapped, corpus, replace(recipe, adapter=Adapter(rank=4, alpha=8)), Surroundings())
    ids = torch.tensor([[20, 30, 40, 50, 60]])
    with torch.inference_mode():
        expected = wrapped(input_ids=ids).logits
        merged = adapters.merge(wrapped)
        found = merged(input_ids=ids).logits
        plain = decoders.load(base)(input_ids=ids).logits
    assert torch.allclose(expected, found, atol=1e-4)
    assert not torch.allclose(plain, found, atol=1e-3)
    assert not any("lora" in name for name, _ in merged.named_parameters())


def test_an_interrupted_adapter_run_ends_alike(base, corpus, recipe, tmp_path):
    recipe = replace(recipe, adapter=Adapter(rank=4, alpha=8))

    def wrapped():
        torch.manual_seed(11)
        return adapters.attach(decoders.load(base), recipe.adapter, [20])

    whole, told = wrapped(), []
    train(whole, corpus, recipe, Surroundings())
    half = Surroundings(checkpoints=tmp_path / "c", report=told.append, stop=lambda: len(told) == 5)
    train(wrapped(), corpus, recipe, half)
    resumed = wrapped()
    train(resumed, corpus, recipe, Surroundings(checkpoints=tmp_path / "c"))
    for (name, one), (_, two) in zip(
        whole.named_parameters(), resumed.named_parameters(), strict=True
    ):
        assert torch.equal(one, two), name


def test_tokens_the_base_never_met_are_found(base, tokenizer, tmp_path):
    old = write(tmp_path / "old", [exchange("左眼", "高血压病")], tokenizer, longest=128)
    adapters.save_counts(base, adapters.count_tokens(old, 4480))
    new = write(tmp_path / "new", [exchange("左眼", "糖尿病")], tokenizer, longest=128)
    fresh = adapters.new_tokens(base, new, 4480)
    assert "糖" in "".join(tokenizer.decode([index]) for index in fresh)
    assert "左" not in "".join(tokenizer.decode([index]) for index in fresh)


def test_a_foreign_base_has_no_known_new_tokens(base, corpus):
    assert adapters.new_tokens(base, corpus, 4480) == ()


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b'{"a": 1}', b'["x"]'])
def test_damaged_counts_are_refused(base, corpus, content):
    (base / adapters.COUNTS_FILE).write_bytes(content)
    with pytest.raises(BaseUnusable):
        adapters.new_tokens(base, corpus, 4480)


def test_a_saved_adapter_is_safetensors(base, tmp_path):
    wrapped = adapters.attach(decoders.load(base), Adapter(rank=4, alpha=8))
    adapters.save(wrapped, tmp_path / "adapter")
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= names
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)


def test_questions_are_seeded():
    assert questions(4, 5) == questions(4, 5)
