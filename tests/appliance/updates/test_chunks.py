"""Chunks: stored forms, their bounds, deltas, and what this machine has already."""

import errno
import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from appliance.updates.chunks import ChunkReader, missing
from appliance.updates.deltas import WIDTHS, apply_delta, make_delta
from appliance.updates.errors import BaseMissing, ContentRefused, StickUnreadable
from appliance.updates.fetcher import Stick
from appliance.updates.frames import expand
from appliance.updates.held import Holdings
from appliance.updates.manifest import Blob, Chunk, Form, Package, PackageFile, Requires
from models.card import Bilingual

CONTENT = bytes(range(256)) * 40


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


def package(chunks: dict[str, bytes], supply: dict[str, Blob]) -> Package:
    whole = b"".join(chunks.values())
    rows = tuple(Chunk(name, len(raw)) for name, raw in chunks.items())
    file = PackageFile("files/a", len(whole), 0o644, digest(whole), rows)
    return Package("data", "d", "1", Bilingual("a", "a"), Requires(), (file,), supply)


def stored(stick: Path, raw: bytes, form: Form, base: str | None = None) -> Blob:
    blob = Blob(digest(raw), len(raw), form, base)
    path = stick / blob.place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return blob


def of_one(stick: Path, raw: bytes, form: Form, base: str | None = None) -> Package:
    name = digest(CONTENT)
    return package({name: CONTENT}, {name: stored(stick, raw, form, base)})


def given_chunk(stick: Path, one: Package, held: Holdings | None = None) -> bytes:
    with Stick(stick) as opened:
        reader = ChunkReader(opened, held or Holdings.none())
        return reader.chunk(one, one.files[0].chunks[0])


@pytest.fixture
def stick(tmp_path):
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def test_a_chunk_is_given_back_whatever_its_form(stick, tmp_path):
    base = bytes(len(CONTENT))
    (tmp_path / "old").write_bytes(b"x" * 7 + base)
    file = PackageFile(
        "old", 7 + len(base), 0o644, "0" * 64, (Chunk("1" * 64, 7), Chunk(digest(base), len(base)))
    )
    old = Package("data", "d", "0", Bilingual("a", "a"), Requires(), (file,), {})
    held = Holdings.of([(old, tmp_path)])
    assert given_chunk(stick, of_one(stick, CONTENT, "plain")) == CONTENT
    shrunk = zstandard.ZstdCompressor().compress(CONTENT)
    assert given_chunk(stick, of_one(stick, shrunk, "zstd")) == CONTENT
    delta = make_delta(CONTENT, base, 2, 3)
    one = of_one(stick, delta, "delta", digest(base))
    assert given_chunk(stick, one, held) == CONTENT
    with pytest.raises(BaseMissing):
        given_chunk(stick, one)
    (tmp_path / "old").write_bytes(b"x" * 7 + base[:-1] + b"!")
    with pytest.raises(BaseMissing):
        given_chunk(stick, one, held)
    (tmp_path / "old").unlink()
    with pytest.raises(BaseMissing):
        given_chunk(stick, one, held)
    assert missing([one], held) == ()
    assert missing([one], Holdings.none()) == (digest(base),)


def test_a_chunk_that_should_be_here(stick, tmp_path):
    one = package({digest(CONTENT): CONTENT}, {})
    with pytest.raises(BaseMissing, match="data/d 1"):
        given_chunk(stick, one)
    (tmp_path / "here").write_bytes(CONTENT)
    held = Holdings.of([(one, lambda _: tmp_path / "here")])
    assert given_chunk(stick, one, held) == CONTENT


BOMB = zstandard.ZstdCompressor(level=1).compress(bytes(64 << 20))
UNSIZED = zstandard.ZstdCompressor(write_content_size=False).compress(CONTENT)
FRAME = zstandard.ZstdCompressor().compress(CONTENT)


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (BOMB, "zstd"),
        (UNSIZED, "zstd"),
        (FRAME + FRAME, "zstd"),
        (FRAME[:-1], "zstd"),
        (FRAME + b"x", "zstd"),
        (b"x", "zstd"),
        (zstandard.ZstdCompressor().compress(CONTENT[:-1]), "zstd"),
        (zstandard.ZstdCompressor().compress(CONTENT[:-1] + b"!"), "zstd"),
        (b"WBD\x01\x02" + BOMB, "delta"),
        (b"WBD\x01\x03" + FRAME, "delta"),
        (b"WBD\x02\x02" + FRAME, "delta"),
        (b"WBD", "delta"),
        (FRAME, "delta"),
        (make_delta(CONTENT[:-1] + b"!", bytes(len(CONTENT)), 1, 3), "delta"),
    ],
    ids=map(str, range(14)),
)
def test_what_cannot_be_expanded_though_properly_signed(stick, tmp_path, raw, form):
    base = bytes(len(CONTENT))
    old = package({digest(base): base}, {})
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").write_bytes(base)
    held = Holdings.of([(old, tmp_path)])
    one = of_one(stick, raw, form, digest(base) if form == "delta" else None)
    with pytest.raises(ContentRefused):
        given_chunk(stick, one, held)


def test_a_bomb_is_not_expanded(monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr("appliance.updates.frames.ZstdDecompressor", never)
    with pytest.raises(ValueError, match="another size"):
        expand(BOMB, len(CONTENT))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        lambda path: path.write_bytes(b"!" + path.read_bytes()[1:]),
        lambda path: os.truncate(path, (2 << 30) + 1),
        lambda path: os.truncate(path, (4 << 30) + 1),
    ],
)
def test_a_blob_that_is_not_the_signed_one(stick, damage):
    one = of_one(stick, CONTENT, "plain")
    damage(stick / next(one.blobs()).place)
    with pytest.raises(ContentRefused):
        given_chunk(stick, one)


def test_a_stick_that_fails(stick, monkeypatch):
    one = of_one(stick, CONTENT, "plain")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("appliance.updates.passing.os.readv", fail)
    with pytest.raises(StickUnreadable, match="Input/output error"):
        given_chunk(stick, one)


def test_a_stick_that_ends_early(stick, monkeypatch):
    one = of_one(stick, CONTENT, "plain")
    monkeypatch.setattr("appliance.updates.passing.os.readv", lambda *_: 0)
    with pytest.raises(ContentRefused):
        given_chunk(stick, one)


def test_small_files_are_whole_or_refused(stick):
    one = of_one(stick, CONTENT, "plain")
    with Stick(stick) as opened:
        reader = ChunkReader(opened, Holdings.none())
        assert reader.small(one, "files/a", len(CONTENT)) == CONTENT
        for name, limit in (("files/a", len(CONTENT) - 1), ("files/b", 1 << 20)):
            with pytest.raises(ContentRefused):
                reader.small(one, name, limit)


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(WIDTHS))
def test_deltas_of_anything(new, other, width):
    base = (other + bytes(len(new)))[: len(new)]
    assert apply_delta(make_delta(new, base, width, 1), base) == new


def test_weights_that_moved_a_little_are_small_as_a_delta():
    random = np.random.default_rng(7)
    base = random.normal(0, 0.02, 1 << 19).astype(np.float32)
    moved = base + random.normal(0, 1e-5, base.size).astype(np.float32)

    def bf16(values: np.ndarray) -> bytes:
        return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()

    new, old = bf16(moved), bf16(base)
    assert len(make_delta(new, old, 2, 3)) <= 0.15 * len(new)
