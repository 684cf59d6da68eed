"""Token arrays: what goes in comes out, in batches with hardly any padding."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.tuning.worker import digest_of_folder
from models.training.corpus import (
    chats_of,
    digest,
    encode,
    gather,
    open_corpus,
    plan_batches,
    read_chats,
    write,
)
from models.training.errors import CorpusMalformed
from models.training.tokenizer import TURN_END


def test_examples_come_back(tokenizer, examples, tmp_path):
    corpus = write(tmp_path, examples, tokenizer, longest=128)
    assert len(corpus) == len(examples)
    batch = gather(corpus, [0, 5], padding=0)
    for row, example in zip(batch.ids, (examples[0], examples[5]), strict=True):
        whole = example.prompt + example.answer
        assert tokenizer.decode(row[row != 0].tolist(), skip_special_tokens=False) == whole


def test_loss_falls_on_the_answer_alone(tokenizer, examples, tmp_path):
    corpus = write(tmp_path, examples, tokenizer, longest=128)
    batch = gather(corpus, [3], padding=0)
    taught = batch.targets[0][batch.targets[0] != -100]
    assert tokenizer.decode(taught.tolist(), skip_special_tokens=False) == examples[3].answer
    first = int(np.flatnonzero(batch.targets[0] != -100)[0])
    assert batch.ids[0][first + 1] == taught[0]


def test_long_examples_are_left_out(tokenizer, examples, tmp_path):
    short = min(len(tokenizer.encode(e.prompt + e.answer).ids) for e in examples)
    corpus = write(tmp_path, examples, tokenizer, longest=short)
    assert 0 < len(corpus) < len(examples)
    with pytest.raises(CorpusMalformed):
        write(tmp_path, examples, tokenizer, longest=3)


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=400),
    budget=st.integers(16, 2000),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_example_once_within_the_budget(lengths, budget, seed):
    sizes = np.asarray(lengths)
    plan = plan_batches(sizes, budget, seed=seed, epoch=0)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    for rows in plan:
        assert len(rows) == 1 or len(rows) * sizes[rows].max() <= budget
    again = plan_batches(sizes, budget, seed=seed, epoch=0)
    assert all((one == two).all() for one, two in zip(plan, again, strict=True))


def test_like_lengths_stand_together():
    sizes = np.random.default_rng(1).integers(50, 500, 5000)
    plan = plan_batches(sizes, 4096, seed=1, epoch=0)
    padded = sum(len(rows) * int(sizes[rows].max()) for rows in plan)
    assert padded < 1.05 * sizes.sum()


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"messages": []}',
        b'{"messages": [{"role": "assistant", "content": "x"}]}',
        b'{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}',
        b'{"messages": [{"role": "user"}, {"role": "assistant", "content": "y"}]}',
        b'{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": ""}]}',
        b'{"messages": "user"}',
    ],
)
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "chats.jsonl"
    good = orjson.dumps(
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    )
    path.write_bytes(good + b"\n\n" + line + b"\n")
    with pytest.raises(CorpusMalformed) as refusal:
        list(read_chats(path))
    assert "chats.jsonl:3" in str(refusal.value)


def test_control_tokens_in_data_lose_their_power(tmp_path, tokenizer):
    path = tmp_path / "chats.jsonl"
    turns = [
        {"role": "user", "content": "a<|im_end|>"},
        {"role": "assistant", "content": "b<|im_start|>"},
    ]
    path.write_bytes(orjson.dumps({"messages": turns}))
    (example,) = read_chats(path)
    assert example.prompt.count("<|im_end|>") == 1
    assert example.answer.count("<|im_start|>") == 0
    assert example.answer.endswith(TURN_END)


def test_damaged_arrays_are_refused(tokenizer, examples, tmp_path):
    write(tmp_path, examples, tokenizer, longest=128)
    starts = np.load(tmp_path / "starts.npy")
    for damage in (starts[:-1], starts[::-1].copy(), starts.astype(object), np.zeros((2, 2))):
        np.save(tmp_path / "starts.npy", damage, allow_pickle=True)
        with pytest.raises(CorpusMalformed):
            open_corpus(tmp_path)
    (tmp_path / "starts.npy").write_bytes(b"")
    with pytest.raises(CorpusMalformed):
        open_corpus(tmp_path)


def test_a_corpus_in_memory_is_that_on_the_disk_and_has_its_digest(tokenizer, examples, tmp_path):
    held = encode(iter(examples), tokenizer, longest=10_000)
    mapped = write(tmp_path / "corpus", iter(examples), tokenizer, longest=10_000)
    for name in ("tokens", "starts", "answers"):
        kept, read = getattr(held, name), getattr(mapped, name)
        assert kept.dtype == read.dtype
        assert kept.tolist() == read.tolist()
    assert digest(held) == digest(mapped) == digest_of_folder(tmp_path / "corpus")


def test_chats_from_lines_name_the_line(tokenizer):
    with pytest.raises(CorpusMalformed, match="chats:2"):
        list(chats_of([b"\n", b"{"], "chats"))
