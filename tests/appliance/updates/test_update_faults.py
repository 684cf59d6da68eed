"""Sticks applied while disks fill, shelves break, sticks are pulled out and staged files change."""

import errno
import os
from pathlib import Path

import pytest

from appliance.updates import content, durable
from appliance.updates.errors import (
    ContentRefused,
    DiskFull,
    DiskRefused,
    StickUnreadable,
    UpdateBusy,
)
from appliance.updates.fetcher import Stick
from models.errors import ShelfFull
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import NOW
from tests.models.formats.build import gguf_bytes


def test_a_disk_without_room_is_seen_before_the_copy(tmp_path, yard, stick):
    (tmp_path / "full").mkdir()
    box = Box(tmp_path / "full", free=lambda _: 1 << 20)
    box.trust.pin(yard.root, NOW)
    before = box.state()
    with pytest.raises(DiskFull):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert list(box.places.staging.glob("*/parts/*")) == []
    box.db.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_while_copying_changes_nothing(box: Box, stick, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    before = box.state()
    monkeypatch.setattr(content, "_write", fail)
    with pytest.raises(DiskFull if number == errno.ENOSPC else DiskRefused):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert list(box.places.staging.iterdir()) == []


def test_a_shelf_that_is_full_changes_nothing(box: Box, yard, stick, monkeypatch):
    yard.add("demo-2")
    bundle = yard.build(stick.parent / "both")
    admit = box.shelf.admit

    def second_fails(source, card, signer):
        if card.id == "demo-2":
            raise ShelfFull(needed=1, free=0)
        return admit(source, card, signer)

    monkeypatch.setattr(box.shelf, "admit", second_fails)
    with pytest.raises(ShelfFull):
        box.updates.apply(bundle, "x")
    assert box.models() == []


def test_a_shelf_whose_disk_breaks_is_a_sentence(box: Box, stick, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    before = box.state()
    monkeypatch.setattr(box.shelf, "admit", fail)
    with pytest.raises(DiskRefused, match="Input/output error"):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert list(box.places.staging.iterdir()) == []
    assert box.updates.list(1)[0].state == "refused"


def test_trust_that_cannot_be_written_takes_the_models_back(box: Box, stick, monkeypatch):
    before = box.state()
    sync = durable._sync

    def fail(folder: Path) -> None:
        if folder.name == "metadata":
            raise OSError(errno.EIO, "Input/output error")
        sync(folder)

    monkeypatch.setattr(durable, "_sync", fail)
    with pytest.raises(DiskRefused):
        box.updates.apply(stick, "x")
    monkeypatch.undo()
    assert box.models() == []
    assert box.trust.anchor().root == before[str(box.places.root)]
    box.updates.apply(stick, "x")


def test_a_stick_pulled_out_is_resumed_where_it_stopped(box: Box, stick, monkeypatch):
    pieces = Stick.chunks
    monkeypatch.setattr("appliance.updates.fetcher._CHUNK", 64)
    left = [3]

    def pulled(self, descriptor, name):
        for part in pieces(self, descriptor, name):
            if "demo.gguf" in name:
                left[0] -= 1
                if left[0] < 0:
                    raise StickUnreadable(name=name, reason="Input/output error")
            yield part

    monkeypatch.setattr(Stick, "chunks", pulled)
    before = box.state()
    with pytest.raises(StickUnreadable):
        box.updates.apply(stick, "x")
    assert box.state() == before
    (part,) = box.places.staging.glob("*/parts/*")
    assert part.stat().st_size == 3 * 64
    read = []

    def watched(self, descriptor, name):
        for piece in pieces(self, descriptor, name):
            read.append((name, len(piece)))
            yield piece

    monkeypatch.setattr(Stick, "chunks", watched)
    box.updates.apply(stick, "x")
    whole = len(gguf_bytes())
    assert sum(size for name, size in read if "demo.gguf" in name) == whole - 3 * 64
    assert box.models() == [("demo-1", "1.0")]


def test_a_spoiled_part_is_not_resumed_into_the_shelf(box: Box, stick, monkeypatch):
    found = box.updates.verify(stick, "x")
    model = next((stick / "targets" / "models" / "demo-1" / "files").iterdir())
    parts = box.places.staging / found.id / "parts"
    parts.mkdir(parents=True)
    (parts / model.name.split(".")[0]).write_bytes(b"x" * 100)
    with pytest.raises(ContentRefused):
        box.updates.apply(stick, "x")
    assert box.models() == []
    box.updates.apply(stick, "x")
    assert box.models() == [("demo-1", "1.0")]


def test_a_staged_file_changed_behind_our_back_is_refused(box: Box, stick, monkeypatch):
    take = content.Staging.take

    def and_spoil(self, medium, packages):
        take(self, medium, packages)
        (place,) = self.folder.rglob("demo.gguf")
        raw = bytearray(place.read_bytes())
        raw[-1] ^= 1
        place.write_bytes(raw)

    monkeypatch.setattr(content.Staging, "take", and_spoil)
    with pytest.raises(ContentRefused):
        box.updates.apply(stick, "x")
    assert box.models() == []


def test_other_bundles_left_in_staging_are_swept(box: Box, stick):
    (box.places.staging / "0123456789abcdef" / "parts").mkdir(parents=True)
    (box.places.staging / "stray").write_text("x")
    box.updates.apply(stick, "x")
    assert list(box.places.staging.iterdir()) == []


def test_two_at_once_is_one_too_many(box: Box, stick):
    with box.updates._busy, pytest.raises(UpdateBusy):
        box.updates.verify(stick, "x")
    box.updates.verify(stick, "x")
