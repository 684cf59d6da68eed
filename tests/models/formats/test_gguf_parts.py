"""GGUF models in several files: whole sets are one model, anything else is refused."""

from pathlib import Path

import pytest

from models.formats.inspect import inspect_file
from models.formats.refusals import FolderRefused, GgufMalformed
from models.known.subject import stored_subject
from models.registry.shelf import Shelf
from models.registry.source import survey
from secure_compute.signing import SigningKey
from tests.models.formats.build import (
    ARCHITECTURE,
    I32,
    STR,
    U16,
    U32,
    gguf_bytes,
    gguf_file,
    pair,
    tensor,
)
from tests.models.registry.cards import NOW, make_card

SHAPE = (
    ("block_count", 2), ("embedding_length", 64), ("attention.head_count", 4),
    ("attention.head_count_kv", 2), ("feed_forward_length", 128), ("context_length", 4096),
    ("vocab_size", 99),
)  # fmt: skip


def part(
    number: int, count: int = 3, *, total: int = 3, tensor_name: str = "", kind: int = U16
) -> bytes:
    """One of several files with a tensor of sixteen floats each; only the first says more."""
    pairs = [pair("split.no", kind, number), pair("split.count", kind, count)]
    pairs.append(pair("split.tensors.count", I32, total))
    if number == 0:
        pairs = [ARCHITECTURE, *(pair(f"llama.{key}", U32, n) for key, n in SHAPE), *pairs]
        pairs.append(pair("general.name", STR, "m"))
    tensors = [tensor(tensor_name or f"blk.{number}.w", (16,), 0, 0)]
    return gguf_file(pairs, tensors, b"\0" * 64)


def name(number: int, count: int = 3) -> str:
    return f"m-{number + 1:05}-of-{count:05}.gguf"


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder as people load it from a hub: the parts in a folder of their own, a word beside."""
    root = tmp_path / "stick" / "Demo"
    (root / "Q4").mkdir(parents=True)
    (root / "README.md").write_text("words, " * 100)
    for number in range(3):
        (root / "Q4" / name(number)).write_bytes(part(number))
    return root


def test_all_parts_are_one_model(parts: Path) -> None:
    whole = inspect_file(parts)
    assert whole.accepted, whole.reason.en
    summary = whole.summary
    assert summary is not None
    assert (summary.tensors, summary.parameters, summary.weight_bytes) == (3, 48, 192)
    assert (summary.kind, summary.architecture, summary.layers) == ("gguf", "llama", 2)
    for number in range(3):  # any of them stands for all
        assert inspect_file(parts / "Q4" / name(number)).summary == summary


def test_the_plan_counts_every_part(parts: Path) -> None:
    for path in (parts / "Q4", parts / "Q4" / name(0), parts):
        subject = stored_subject("m", path)
        assert subject.stored is not None
        assert round(subject.stored.bytes_per_weight * subject.shape.parameters) == 192
    (parts / "Q4" / "other.gguf").write_bytes(gguf_bytes())
    with pytest.raises(GgufMalformed):  # of several models none is planned by chance
        stored_subject("m", parts)


BROKEN = {
    "missing": {2: None},
    "part": {1: part(2)},
    "tensor-duplicate": {2: part(2, tensor_name="blk.0.w")},
    "architecture": {1: gguf_file([], [tensor("blk.1.w", (16,), 0, 0)], b"\0" * 64)},
    "tensor-past-eof": {1: part(1)[:-1]},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_sets_that_do_not_fit_are_refused(rule: str, parts: Path) -> None:
    for number, content in BROKEN[rule].items():
        path = parts / "Q4" / name(number)
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    assert inspect_file(parts).rule == rule
    assert inspect_file(parts / "Q4" / name(0)).rule == rule


def test_parts_are_counted_and_bear_their_names(parts: Path) -> None:
    (parts / "Q4" / "other.gguf").write_bytes(gguf_bytes())
    assert inspect_file(parts).rule == "part"
    (parts / "Q4" / "other.gguf").unlink()
    (parts / "Q4" / name(0)).write_bytes(part(0, total=4))
    assert inspect_file(parts).rule == "part"
    lone = parts.parent / "renamed.gguf"
    lone.write_bytes(part(0))
    assert inspect_file(lone).rule == "part"  # an engine would look for the others and end
    lone.write_bytes(part(0, 1, total=1))
    assert inspect_file(lone).accepted
    lone.write_bytes(part(7, 0))
    assert inspect_file(lone).rule == "part"


def test_one_part_is_not_imported_alone(parts: Path) -> None:
    with pytest.raises(FolderRefused, match="import the folder"):
        survey(str(parts / "Q4" / name(0)))
    assert survey(str(parts)).files[0][0] == f"Q4/{name(0)}"


def test_the_shelf_serves_the_first_part_and_verifies_all(parts: Path, tmp_path: Path) -> None:
    signer = SigningKey.generate()
    trusted = {signer.verify_key.key_id: signer.verify_key}
    shelf = Shelf(tmp_path / "shelf", clock=lambda: NOW, trusted=trusted)
    card = make_card(parameters=48)
    shelf.admit(parts, card, signer)
    served = shelf.get(card.id)
    assert served.path.name == name(0)
    assert served.path.parent.joinpath(name(2)).is_file()
    assert inspect_file(served.path).accepted
    assert len(shelf.verify(card.id).files) == 4
