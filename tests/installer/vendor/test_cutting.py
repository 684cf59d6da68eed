"""Cutting files into chunks: whole, within bounds, at tensors, and stable under what vendors change."""

import numpy as np
import pytest

from appliance.updates.manifest import MAX_CHUNK
from installer.vendor import cutting
from installer.vendor.cutting import LEAST, pieces
from tests.installer.vendor.weights import safetensors_of
from tests.models.formats.build import gguf_bytes, safetensors_bytes


def cut(path, raw: bytes) -> list[bytes]:
    path.write_bytes(raw)
    found = [bytes(piece.content) for piece in pieces(path)]
    assert b"".join(found) == raw
    assert all(0 < len(piece) <= MAX_CHUNK for piece in found)
    return found


def noise(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def test_an_empty_file_has_no_chunk(tmp_path):
    assert cut(tmp_path / "a", b"") == []


def test_small_files_are_one_chunk(tmp_path):
    assert len(cut(tmp_path / "a", b"x" * 1000)) == 1
    assert len(cut(tmp_path / "m.gguf", gguf_bytes())) == 2, "header and data"
    assert len(cut(tmp_path / "m.safetensors", safetensors_bytes())) == 2


@pytest.mark.parametrize("name", ["m.gguf", "m.safetensors", "m.bin"])
def test_what_only_looks_like_tensors_is_cut_by_content(tmp_path, name):
    raw = gguf_bytes()[:40] + noise(1, 1 << 20)
    assert len(cut(tmp_path / name, raw)) > 4


def test_an_insertion_moves_no_other_cut(tmp_path):
    raw = noise(2, 4 << 20)
    before = set(cut(tmp_path / "a", raw))
    after = cut(tmp_path / "b", raw[:1_000_000] + b"inserted" + raw[1_000_000:])
    new = sum(len(piece) for piece in after if piece not in before)
    assert new < 0.2 * len(raw)


def test_tensors_are_cut_apart_and_small_ones_share(tmp_path):
    sizes = {"a": LEAST, "b": 10, "c": 20, "d": LEAST * 2, "e": LEAST // 2, "f": LEAST // 2, "g": 6}
    raw = safetensors_of({name: noise(3, size) for name, size in sizes.items()}, "U8")
    found = cut(tmp_path / "m.safetensors", raw)
    assert [len(piece) for piece in found[1:]] == [LEAST, 30, LEAST * 2, LEAST, 6]


def test_large_tensors_are_cut_at_a_fixed_size(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "MAX_CHUNK", 1000)
    raw = safetensors_of({"a": noise(4, 2500), "b": noise(5, 999)}, "U8")
    path = tmp_path / "m.safetensors"
    monkeypatch.setattr(cutting, "LEAST", 900)
    assert [len(piece) for piece in cut(path, raw)[1:]] == [1000, 1000, 500, 999]


def test_numbers_of_one_width_stand_together(tmp_path):
    raw = safetensors_of({"a": bytes(8), "b": bytes(16)}, "BF16")
    (tmp_path / "m.safetensors").write_bytes(raw)
    assert [piece.width for piece in pieces(tmp_path / "m.safetensors")] == [1, 2]
