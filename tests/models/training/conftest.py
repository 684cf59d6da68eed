"""Small inputs for the training tests: a tiny language, a tiny shape."""

import os
import random
from pathlib import Path
from types import ModuleType

import pytest

from models.training import tokenizer as cutting
from models.training.corpus import Example, exchange
from models.training.recipe import Recipe, Schedule, Shape

TERMS = ("老年性白内障", "青光眼", "高血压病", "糖尿病")
SIDES = ("左眼", "右眼", "双眼")
PLACEHOLDERS = ("⟦姓名⟧", "⟦电话⟧")


def questions(seed: int, count: int) -> list[tuple[str, str]]:
    random_ = random.Random(seed)
    found = []
    for _ in range(count):
        side, term, number = random_.choice(SIDES), random_.choice(TERMS), random_.randint(8, 45)
        more = "眼压高。" * random_.randint(0, 4)
        found.append((f"{side},{term},{number}", f"⟦姓名⟧{side}{term},眼压{number}mmHg。{more}"))
    return found


@pytest.fixture(scope="session")
def tokenizer():
    terms = cutting.learn_terms([answer for _, answer in questions(1, 300)], 60, min_frequency=10)
    return cutting.build(terms, PLACEHOLDERS, size=4480)


@pytest.fixture
def examples() -> list[Example]:
    return [exchange(question, answer) for question, answer in questions(2, 200)]


@pytest.fixture
def recipe() -> Recipe:
    shape = Shape(
        vocabulary=4480,
        width=32,
        layers=1,
        heads=1,
        kv_heads=1,
        head_dim=32,
        feed_forward=64,
        context=128,
    )
    schedule = Schedule(steps=12, tokens_per_batch=512, warmup=2)
    return Recipe("tiny", seed=5, shape=shape, schedule=schedule, checkpoint_every=4)


@pytest.fixture(scope="session")
def binding() -> ModuleType:
    folder = os.environ.get("WARDBOX_ENGINE_DIR") or os.environ.get("LLAMA_CPP_LIB_PATH")
    candidates = [Path(folder)] if folder else []
    candidates += sorted(Path.home().glob(".cache/wardbox/engine/*"))
    for candidate in candidates:
        if any(candidate.rglob("libllama.so*")):
            loader = pytest.importorskip("models.engines.binding")
            library = next(candidate.rglob("libllama.so*")).parent
            return loader.load_binding(library)
    pytest.skip("no llama.cpp libraries on this machine")
