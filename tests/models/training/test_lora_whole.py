"""An adapter teaches a trained base new words: before, after, merged, exported, and alike."""

import random
from dataclasses import replace

import pytest
import torch

from models.training import adapter as adapters
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.corpus import exchange, write
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.loop import Surroundings, train
from models.training.parity import LlamaFile, compare, greedy
from models.training.recipe import Adapter, Recipe, Schedule, Shape

pytestmark = pytest.mark.slow

OLD = ("青光眼", "高血压病", "糖尿病", "肺炎")
NEW = ("翼状胬肉", "视网膜脱离", "虹膜睫状体炎", "角膜溃疡")
SIDES = ("左眼", "右眼", "双眼")


def told(seed, count, terms):
    chance = random.Random(seed)
    for _ in range(count):
        side, term, number = chance.choice(SIDES), chance.choice(terms), chance.randint(8, 45)
        yield f"{side},{term},{number}", f"{side}{term},眼压{number}mmHg。"


def right(model, tokenizer, pairs):
    end, _ = cutting.end_and_padding(tokenizer)
    found = 0
    for question, answer in pairs:
        ids = tokenizer.encode(exchange(question, answer).prompt).ids
        found += tokenizer.decode(greedy(model.eval(), ids, most=40, end=end)) == answer
    return found


@pytest.mark.slow
def test_an_adapter_teaches_new_words(tmp_path, binding):
    torch.set_num_threads(1)
    terms = cutting.learn_terms([a for _, a in told(1, 400, OLD)], 40, min_frequency=10)
    tokenizer = cutting.build(terms, size=4480)
    end, padding = cutting.end_and_padding(tokenizer)
    shape = Shape(
        vocabulary=4480,
        width=128,
        layers=2,
        heads=2,
        kv_heads=2,
        head_dim=64,
        feed_forward=256,
        context=128,
    )
    recipe = Recipe(
        "base", shape=shape, schedule=Schedule(steps=350, tokens_per_batch=1024, warmup=20)
    )

    def corpus(name, terms_, seed):
        chats = (exchange(question, answer) for question, answer in told(seed, 4000, terms_))
        return write(tmp_path / name, chats, tokenizer, longest=128)

    old, new = corpus("old", OLD, 2), corpus("new", NEW, 3)
    base = decoders.build(shape, seed=1, eos=end, pad=padding)
    train(base, old, recipe, Surroundings(), padding=padding)
    save_model(base, tmp_path / "base")
    cutting.save(tokenizer, tmp_path / "base")
    adapters.save_counts(tmp_path / "base", adapters.count_tokens(old, 4480))

    asked = list(told(99, 40, NEW))
    assert right(base, tokenizer, told(98, 40, OLD)) >= 38
    assert right(base, tokenizer, asked) <= 4

    fresh = adapters.new_tokens(tmp_path / "base", new, 4480)
    assert 5 <= len(fresh) <= 40
    adapter = Adapter(rank=16, alpha=32, rate=0.003)
    wrapped = adapters.attach(decoders.load(tmp_path / "base"), adapter, fresh)
    run = replace(recipe, adapter=adapter, schedule=replace(recipe.schedule, steps=300))
    train(wrapped, new, run, Surroundings(), padding=padding)
    merged = adapters.merge(wrapped)
    assert right(merged, tokenizer, asked) >= 36

    save_model(merged, tmp_path / "merged")
    cutting.save(tokenizer, tmp_path / "merged")
    path = write_gguf(tmp_path / "merged", tmp_path / "merged.gguf", name="x", file_type="F32")
    opened = LlamaFile(binding, path, context=256)
    try:
        prompts = [exchange(question, answer).prompt for question, answer in asked[:10]]
        plain = decoders.load(tmp_path / "merged").eval()
        compare(plain, tokenizer, opened, prompts, end=end).require(1e-3)
    finally:
        opened.close()
