"""GGUF: every rule broken once by name, and mutations that may only be accepted or refused."""

import os
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.formats.gguf import read_gguf
from models.formats.inspect import inspect_file
from models.formats.refusals import FileRefused, FileUnreadable
from tests.models.formats.build import (
    ARCHITECTURE,
    ARR,
    BOOL,
    F32,
    I32,
    STR,
    U8,
    U32,
    U64,
    gguf_bytes,
    gguf_file,
    pair,
    tensor,
    text,
)  # fmt: skip

FLOATS = b"\0" * 64


def one(*pairs: bytes, shape: bytes | None = None, data: bytes = FLOATS) -> bytes:
    """A file with these pairs and one tensor."""
    return gguf_file([ARCHITECTURE, *pairs], [shape or tensor("a", (16,), 0, 0)], data)


def array(key: str, kind: int, count: int, body: bytes = b"") -> bytes:
    return text(key) + struct.pack("<IIQ", ARR, kind, count) + body


GOOD = {
    "two tensors": gguf_bytes(),
    "version 2": gguf_bytes(version=2),
    "no tensors": gguf_file([], []),
    "no tensors, no padding": b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
    "last padding left out": one(shape=tensor("a", (3,), 0, 0), data=b"\0" * 12),
    "last padding written": one(shape=tensor("a", (3,), 0, 0), data=b"\0" * 32),
    "alignment 64": gguf_file(
        [ARCHITECTURE, pair("general.alignment", U32, 64)],
        [tensor("a", (16,), 0, 0)],
        FLOATS,
        alignment=64,
    ),
    "quantised": one(shape=tensor("a", (64, 2), 8, 0), data=b"\1" * 136 + b"\0" * 24),
    "arrays": one(
        pair("tokenizer.ggml.tokens", ARR, (STR, ["一", "b", ""])),
        pair("tokenizer.ggml.scores", ARR, (F32, [0.0, -1.5, 2.0])),
        pair("tokenizer.ggml.token_type", ARR, (I32, [1, 1, 1])),
        pair("flags", ARR, (BOOL, [0, 1, 1])),
    ),
    "template": one(
        pair(
            "tokenizer.chat_template",
            STR,
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m['content'] | trim }}"
            "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        )
    ),
    "layers differ": one(pair("llama.attention.head_count_kv", ARR, (I32, [8, 0, 8]))),
}

BAD = {
    "empty": (b"", "empty"),
    "three bytes": (b"GGU", None),
    "swapped magic": (b"FUGG" + gguf_bytes()[4:], "big-endian"),
    "big endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "version 0": (gguf_bytes(version=0), "version"),
    "version 1": (gguf_bytes(version=1), "version"),
    "version 4": (gguf_bytes(version=4), "version"),
    "many tensors": (gguf_file([], [], counts=(1 << 63, 0)), "count"),
    "many keys": (gguf_file([], [], counts=(0, (1 << 64) - 1)), "count"),
    "one tensor too many": (gguf_file([ARCHITECTURE], [], FLOATS, counts=(1, 1)), None),
    "duplicate key": (one(ARCHITECTURE), "key-duplicate"),
    "empty key": (one(pair("", U8, 1)), "key-name"),
    "key with space": (one(pair("a b", U8, 1)), "key-name"),
    "key not ASCII": (one(pair("键", U8, 1)), "key-name"),
    "key with NUL": (one(pair("a\0b", U8, 1)), "key-name"),
    "long key": (one(pair("k" * 1025, U8, 1)), "string-length"),
    "value type 13": (one(text("k") + struct.pack("<IB", 13, 0)), "value-type"),
    "bool 2": (one(pair("k", BOOL, 2)), "bool"),
    "bool 2 in array": (one(pair("k", ARR, (BOOL, [0, 2]))), "bool"),
    "NaN": (one(pair("k", F32, float("nan"))), "not-finite"),
    "infinity": (one(pair("k", F32, float("inf"))), "not-finite"),
    "string not UTF-8": (one(pair("k", STR, b"\xff\xfe")), "utf8"),
    "surrogate in UTF-8": (one(pair("k", STR, b"\xed\xa0\x80")), "utf8"),
    "string with NUL": (one(pair("k", STR, "a\0b")), "nul"),
    "token not UTF-8": (one(pair("k", ARR, (STR, [b"\xc3"]))), "utf8"),
    "array of arrays": (one(array("k", ARR, 1, struct.pack("<IQ", U8, 0))), "array-nested"),
    "array type 99": (one(array("k", 99, 0)), "value-type"),
    "array wraps": (one(array("k", U64, (1 << 61) + 1)), "count"),
    "string array wraps": (one(array("k", STR, 1 << 61)), "count"),
    "architecture missing": (gguf_file([], [tensor("a", (16,), 0, 0)], FLOATS), "architecture"),
    "architecture empty": (gguf_file([pair("general.architecture", STR, "")], []), "value-kind"),
    "architecture a number": (gguf_file([pair("general.architecture", U32, 1)], []), "value-kind"),
    "architecture with slash": (
        gguf_file([pair("general.architecture", STR, "../x")], []),
        "value-kind",
    ),
    "no layers": (one(pair("llama.block_count", U32, 0)), "value-kind"),
    "layers as text": (one(pair("llama.block_count", STR, "2")), "value-kind"),
    "absurd context": (one(pair("llama.context_length", U64, 1 << 60)), "value-kind"),
    "scores too short": (
        one(
            pair("tokenizer.ggml.tokens", ARR, (STR, ["a", "b"])),
            pair("tokenizer.ggml.scores", ARR, (F32, [1.0])),
        ),
        "vocabulary",
    ),
    "types of wrong kind": (one(pair("tokenizer.ggml.token_type", ARR, (U8, [1]))), "value-kind"),
    "tokens no array": (one(pair("tokenizer.ggml.tokens", STR, "a")), "value-kind"),
    "template no text": (one(pair("tokenizer.chat_template", U32, 1)), "template-type"),
    "named template": (
        one(pair("tokenizer.chat_template.tool_use", STR, "{{ ().__class__ }}")),
        "template-attribute",
    ),
    "alignment 1": (one(pair("general.alignment", U32, 1)), "alignment"),
    "alignment 24": (one(pair("general.alignment", U32, 24)), "alignment"),
    "alignment 2^31": (one(pair("general.alignment", U32, 1 << 31)), "alignment"),
    "alignment u64": (one(pair("general.alignment", U64, 32)), "value-kind"),
    "no dimensions": (one(shape=tensor("a", (), 0, 0)), "tensor-dims"),
    "five dimensions": (one(shape=tensor("a", (1,) * 5, 0, 0)), "tensor-dims"),
    "zero dimension": (one(shape=tensor("a", (0, 4), 0, 0)), "tensor-shape"),
    "dimension 2^63": (one(shape=tensor("a", (1 << 63,), 0, 0)), "tensor-shape"),
    "product wraps": (one(shape=tensor("a", (1 << 32, 1 << 32), 0, 0)), "tensor-overflow"),
    "bytes wrap": (one(shape=tensor("a", ((1 << 62),), 0, 0)), "tensor-overflow"),
    "withdrawn type": (one(shape=tensor("a", (32,), 4, 0)), "tensor-type"),
    "type 1000": (one(shape=tensor("a", (32,), 1000, 0)), "tensor-type"),
    "block misfit": (one(shape=tensor("a", (33,), 2, 0)), "tensor-block"),
    "K block misfit": (one(shape=tensor("a", (128,), 12, 0)), "tensor-block"),
    "empty tensor name": (one(shape=tensor("", (16,), 0, 0)), "string-length"),
    "tensor name of 64": (one(shape=tensor("a" * 64, (16,), 0, 0)), "string-length"),
    "tensor name with NUL": (one(shape=tensor("a\0", (16,), 0, 0)), "tensor-name"),
    "tensor name with escape": (one(shape=tensor("\x1b[2J", (16,), 0, 0)), "tensor-name"),
    "tensor name not UTF-8": (one(shape=tensor(b"\xff", (16,), 0, 0)), "utf8"),
    "unaligned": (one(shape=tensor("a", (16,), 0, 8), data=FLOATS * 2), "tensor-unaligned"),
    "starts late": (one(shape=tensor("a", (16,), 0, 64), data=FLOATS * 2), "tensor-hole"),
    "offset 2^64-32": (one(shape=tensor("a", (16,), 0, (1 << 64) - 32)), "tensor-hole"),
    "past the end": (one(shape=tensor("a", (17,), 0, 0)), "tensor-past-eof"),
    "trailing": (gguf_bytes() + b"X", "trailing"),
    "padding cut": (one(shape=tensor("a", (3,), 0, 0), data=b"\0" * 20), "truncated"),
    "padding not zero": (one(shape=tensor("a", (3,), 0, 0), data=b"\1" * 32), "padding"),
    "zip behind": (gguf_bytes() + b"PK\x05\x06" + b"\0" * 18, None),
    "duplicate tensor": (
        gguf_file(
            [ARCHITECTURE], [tensor("a", (16,), 0, 0), tensor("a", (16,), 0, 64)], FLOATS * 2
        ),
        "tensor-duplicate",
    ),
    "overlap": (
        gguf_file(
            [ARCHITECTURE], [tensor("a", (16,), 0, 0), tensor("b", (16,), 0, 32)], FLOATS * 2
        ),
        "tensor-overlap",
    ),
    "hole": (
        gguf_file(
            [ARCHITECTURE], [tensor("a", (16,), 0, 0), tensor("b", (16,), 0, 96)], FLOATS * 3
        ),
        "tensor-hole",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_accepted(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(GOOD[name])
    verdict = inspect_file(path)
    assert verdict.accepted, verdict.reason.en
    assert verdict.kind == "gguf"


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_by_name(name: str, tmp_path: Path) -> None:
    content, rule = BAD[name]
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    verdict = inspect_file(path)
    assert not verdict.accepted
    assert rule is None or verdict.rule == rule, verdict.reason.en
    assert verdict.reason.zh
    assert verdict.way_out.en


@pytest.mark.parametrize("length", range(len(gguf_bytes())))
def test_every_truncation_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf_bytes()[:length])
    assert not inspect_file(path).accepted


def test_reasons_show_no_terminal_escapes(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(one(shape=tensor("\x1b]0;x\x07\u202e", (16,), 0, 0)))
    reason = inspect_file(path).reason
    assert (reason.zh + reason.en).isprintable()


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.slow
def test_mutations_are_judged_and_never_crash(data: st.DataObject, tmp_path: Path) -> None:
    base = bytearray(data.draw(st.sampled_from(list(GOOD.values()))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(base) - 1)))
        base[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=9))
    path = tmp_path / "m.gguf"
    path.write_bytes(bytes(base))
    try:
        header = read_gguf(path)
    except FileRefused:
        return
    end = header.data_start
    for found in header.tensors:
        assert header.data_start + found.offset >= end
        end = header.data_start + found.offset + found.size
        assert end <= len(base)


def test_a_sparse_giant_costs_only_its_header(tmp_path: Path) -> None:
    path = tmp_path / "giant.gguf"
    elements = 25 << 30
    path.write_bytes(one(shape=tensor("a", (elements,), 0, 0), data=b""))
    os.truncate(path, path.stat().st_size + elements * 4)
    tracemalloc.start()
    begun = time.perf_counter()
    assert inspect_file(path).accepted
    took, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 100 << 30
    assert peak < 8 << 20
    assert took < 30


def test_hostile_headers_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    empties = array("k", STR, 1_000_001, b"\0" * 8 * 1_000_001)
    path.write_bytes(gguf_file([ARCHITECTURE, empties], []))
    assert inspect_file(path).rule == "limit"
    head = gguf_file([], [], counts=(0, 3))[:24] + text("k") + struct.pack("<IIQ", ARR, STR, 9)
    path.write_bytes(head + struct.pack("<Q", 15 << 20))
    os.truncate(path, 4 << 30)
    tracemalloc.start()
    assert not inspect_file(path).accepted
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_a_real_vocabulary_reads_fast_enough(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    tokens = [f"词{number}" for number in range(60_000)]
    path.write_bytes(one(pair("tokenizer.ggml.tokens", ARR, (STR, tokens))))
    summary = inspect_file(path).summary
    assert summary is not None
    assert summary.vocabulary == 60_000


def test_what_is_no_plain_file_is_unreadable(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.gguf"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path / "none", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(FileUnreadable):
            inspect_file(path)
