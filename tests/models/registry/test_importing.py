"""What is taken from a stick, what is not, and how it is carried in."""

import errno
import json
import os
from pathlib import Path

import pytest

from models.errors import CardMalformed, ShelfFull, SourceChanged
from models.formats.refusals import FileRefused, FolderRefused
from models.registry import carrying, intake
from models.registry.carding import UNSTATED, card_from, id_from
from models.registry.carrying import Carried, carry
from models.registry.errors import (
    SourceChangedSince,
    SourceFileRefused,
    SourceGone,
    SourceRefused,
)
from models.registry.source import survey
from tests.models.formats.build import gguf_bytes, safetensors_file

CONFIG = {"model_type": "qwen3", "num_hidden_layers": 2, "max_position_embeddings": 512}


def shard(name: str) -> bytes:
    header = {name: {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}}
    return safetensors_file(header, b"\0" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "stick" / "Demo-2B"
    root.mkdir(parents=True)
    (root / "config.json").write_text(json.dumps(CONFIG))
    mapping = {}
    for number in (1, 2, 3):
        name = f"model-{number:05}-of-00003.safetensors"
        (root / name).write_bytes(shard(f"t{number}"))
        mapping[f"t{number}"] = name
    (root / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapping}))
    (root / "card.json").write_text(json.dumps({"licence": "Apache-2.0", "filing_number": "备-1"}))
    return root


def never() -> bool:
    return False


def silent(_: Carried) -> None:
    pass


def test_a_folder_is_taken_without_its_sidecar(folder: Path) -> None:
    found = survey(str(folder))
    assert [name for name, _ in found.files] == [
        "config.json",
        *(f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3)),
        "model.safetensors.index.json",
    ]
    assert found.sidecar["filing_number"] == "备-1"
    assert found.summary.parameters == 24


@pytest.mark.parametrize("gone", [(2,), (1, 3)])
def test_missing_shards_are_named(folder: Path, gone: tuple[int, ...]) -> None:
    for number in gone:
        (folder / f"model-{number:05}-of-00003.safetensors").unlink()
    with pytest.raises(FolderRefused) as refusal:
        survey(str(folder))
    for number in gone:
        assert f"model-{number:05}-of-00003.safetensors" in refusal.value.sentence_en
    (folder / "model.safetensors.index.json").unlink()  # the shards' own names tell it too
    with pytest.raises(FolderRefused):
        survey(str(folder))


def test_a_lone_shard_of_a_gguf_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "m-00001-of-00002.gguf"
    path.write_bytes(gguf_bytes())
    with pytest.raises(FolderRefused, match="00002-of-00002"):
        survey(str(path))


def test_a_cut_shard_is_named(folder: Path) -> None:
    path = folder / "model-00002-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SourceFileRefused, match="model-00002-of-00003"):
        survey(str(folder))


def test_links_devices_code_and_odd_places_are_refused(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    state = tmp_path / "state"
    (state / "keys").mkdir(parents=True)
    model = state / "keys" / "m.gguf"
    model.write_bytes(gguf_bytes())
    os.mkfifo(tmp_path / "pipe")
    odd = [
        "", "relative/x", str(link), str(link / "config.json"), "/proc/self/environ", "/dev/zero",
        str(folder / ".." / "Demo-2B"), str(tmp_path / "pipe"), str(tmp_path / "absent"),
        str(model), str(tmp_path), "/", f"{folder}\n", str(folder) + "\0",
    ]  # fmt: skip
    for text in odd:
        with pytest.raises((SourceRefused, FileRefused)):
            survey(text, (state,))
    (folder / "evil.py").write_text("print()")
    with pytest.raises(FolderRefused):
        survey(str(folder))
    (folder / "evil.py").unlink()
    (folder / "weights.safetensors").symlink_to("/etc/passwd")
    with pytest.raises(FolderRefused):
        survey(str(folder))


def test_a_pickle_under_a_good_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.")
    with pytest.raises(FileRefused):
        survey(str(path))


def test_every_byte_is_carried_and_told(folder: Path, tmp_path: Path) -> None:
    found, told = survey(str(folder)), []
    rows = carry(found, tmp_path / "in", told.append, never)
    assert rows is not None
    for row in rows:
        copy = tmp_path / "in/files" / row.name
        assert copy.read_bytes() == (folder / row.name).read_bytes()
        assert intake.digest_of(copy) == row.sha256
    assert told[-1].done == told[-1].total == found.bytes
    assert not list((tmp_path / "in").rglob("*.part"))


def test_a_stopped_copy_goes_on_and_reads_nothing_twice(folder, tmp_path, monkeypatch) -> None:
    found = survey(str(folder))
    asked = [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] > 2

    assert carry(found, tmp_path / "in", silent, stop) is None
    assert not list((tmp_path / "in").rglob("*.part"))
    opened: list[str] = []
    real = carrying._take
    monkeypatch.setattr(carrying, "_take", lambda *a: opened.append(a[2]) or real(*a))
    rows = carry(found, tmp_path / "in", silent, never)
    assert len(rows) == 5
    assert len(opened) == 3


def test_a_crash_between_rename_and_note_copies_that_file_again(folder, tmp_path) -> None:
    found = survey(str(folder))
    carry(found, tmp_path / "in", silent, never)
    journal = tmp_path / "in" / carrying.JOURNAL
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:2]) + "\n" + lines[2][: len(lines[2]) // 2])
    (tmp_path / "in/files/model-00003-of-00003.safetensors.part").write_bytes(b"half")
    rows = carry(found, tmp_path / "in", silent, never)
    assert [row.name for row in rows] == [name for name, _ in found.files]


def test_a_pulled_stick_leaves_nothing_half_and_can_be_gone_on_with(
    folder, tmp_path, monkeypatch
) -> None:
    found, real, reads = survey(str(folder)), os.read, [0]

    def read(descriptor: int, count: int) -> bytes:
        reads[0] += 1
        if reads[0] > 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, count)

    monkeypatch.setattr(carrying.os, "read", read)
    with pytest.raises(SourceGone):
        carry(found, tmp_path / "in", silent, never)
    assert not list((tmp_path / "in").rglob("*.part"))
    monkeypatch.undo()
    folder.rename(folder.with_name("away"))
    with pytest.raises(SourceGone):
        carry(found, tmp_path / "in", silent, never)
    folder.with_name("away").rename(folder)
    assert len(carry(found, tmp_path / "in", silent, never)) == 5


def test_another_stick_in_its_place_is_noticed(folder: Path, tmp_path: Path) -> None:
    found = survey(str(folder))
    carry(found, tmp_path / "in", silent, never)
    path = folder / "config.json"
    path.write_text(json.dumps({**CONFIG, "rope_theta": 1.0}))
    with pytest.raises(SourceChangedSince, match="config"):
        carry(found, tmp_path / "in", silent, never)


def test_a_file_swapped_for_a_link_after_the_look_is_not_followed(folder, tmp_path) -> None:
    found = survey(str(folder))
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/etc/hostname")
    with pytest.raises(SourceChanged):
        carry(found, tmp_path / "in", silent, never)


def test_a_full_disk_is_said_before_a_byte_is_copied(folder, tmp_path, monkeypatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(intake.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ShelfFull):
        carry(survey(str(folder)), tmp_path / "in", silent, never)
    assert not [path for path in (tmp_path / "in/files").rglob("*") if path.is_file()]


def test_a_card_says_what_nobody_stated(folder: Path) -> None:
    found = survey(str(folder))
    card, missing = card_from("demo", found.summary, found.sidecar)
    assert (card.licence, card.filing_number, card.context) == ("Apache-2.0", "备-1", 512)
    assert card.intended_use == UNSTATED
    assert missing == ("intended_use", "limits", "training_data", "languages", "evaluations")
    for odd in ({"execute": "x"}, {"licence": 5}, {"evaluations": [{}]}, {"": []}):
        with pytest.raises(CardMalformed):
            card_from("demo", found.summary, odd)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Qwen3-8B", "qwen3-8b"), ("My Model (v2).gguf", "my-model-v2"), ("模型", ""),
        ("a..b", "a.b"), ("x-00001-of-00002.gguf", "x"), ("../up", "up"), ("." * 90, ""),
    ],
)  # fmt: skip
def test_an_id_is_made_from_a_name(name: str, made: str) -> None:
    assert id_from(name) == made
