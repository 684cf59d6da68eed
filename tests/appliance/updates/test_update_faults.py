"""Sticks applied while disks fill, shelves break, sticks are pulled out and staged files change."""

import errno
import json
import os
from pathlib import Path

import pytest

from appliance.updates import assembly, durable, landing
from appliance.updates.applying import Application
from appliance.updates.errors import (
    ContentRefused,
    DiskFull,
    DiskRefused,
    StickUnreadable,
    UpdateBusy,
    UpdateError,
    UpdateInterrupted,
)
from appliance.updates.staging import Staging
from models.errors import ModelsError, ShelfFull
from tests.appliance.updates.conftest import Box
from tests.appliance.updates.sticks import model_of
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
    assert not box.places.staging.exists()
    box.db.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("what", ["copying", "putting together"])
def test_a_disk_that_fails_changes_nothing(box: Box, stick, monkeypatch, number, what):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    before = box.state()
    place = landing if what == "copying" else assembly
    monkeypatch.setattr(place, "write_all", fail)
    with pytest.raises(DiskFull if number == errno.ENOSPC else DiskRefused):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert list(box.places.staging.iterdir()) == []
    assert box.updates.list(1)[0].state == "refused"


def test_a_shelf_that_is_full_changes_nothing(box: Box, yard, stick, monkeypatch):
    yard.add("demo-2")
    bundle = yard.build(stick.parent / "both")
    admit = box.shelf.admit

    def second_fails(source, card, signer, **more):
        if card.id == "demo-2":
            raise ShelfFull(needed=1, free=0)
        return admit(source, card, signer, **more)

    monkeypatch.setattr(box.shelf, "admit", second_fails)
    with pytest.raises(ShelfFull):
        box.updates.apply(bundle, "x")
    assert box.models() == []
    assert box.updates.installed() == ()


def test_a_shelf_whose_disk_breaks_is_a_sentence(box: Box, stick, monkeypatch):
    def fail(*_, **__):
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


def test_a_stick_pulled_out_is_resumed_where_it_stopped(box: Box, yard, stick, monkeypatch):
    yard.add("demo-2", model=gguf_bytes(fill=b"\1"))
    both = yard.build(stick.parent / "both")
    pulled, blobs, read = "demo-2", [], landing.read_blob
    gone = model_of(both, pulled).name

    def until_pulled(medium, blob, room):
        blobs.append(blob.sha256)
        if blob.sha256 == gone:
            raise StickUnreadable(name=blob.place, reason="Input/output error")
        read(medium, blob, room)

    monkeypatch.setattr(landing, "read_blob", until_pulled)
    before = box.state()
    with pytest.raises(StickUnreadable):
        box.updates.apply(both, "x")
    assert box.state() == before
    came = set(blobs) - {gone}
    blobs.clear()

    def watched(medium, blob, room):
        blobs.append(blob.sha256)
        read(medium, blob, room)

    monkeypatch.setattr(landing, "read_blob", watched)
    box.updates.apply(both, "x")
    assert came
    assert not came & set(blobs), "what came over before the stick was pulled is not read again"
    assert [name for name, _ in box.models()] == ["demo-1", "demo-2"]


def test_a_spoiled_part_is_not_resumed_into_the_shelf(box: Box, stick):
    found = box.updates.verify(stick, "x")
    model = model_of(stick)
    staged = box.places.staging / found.id / model.relative_to(stick)
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"x" * model.stat().st_size)
    box.updates.apply(stick, "x")
    assert box.models() == [("demo-1", "1.0")]
    box.catalogue.verify("demo-1", "x")


def test_a_staged_file_changed_behind_our_back_is_refused(box: Box, stick, monkeypatch):
    take = Staging.take

    def and_spoil(self, medium, *more, **named):
        take(self, medium, *more, **named)
        place = self.folder / model_of(stick).relative_to(stick)
        raw = bytearray(place.read_bytes())
        raw[-1] ^= 1
        place.write_bytes(raw)

    monkeypatch.setattr(Staging, "take", and_spoil)
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


@pytest.mark.parametrize("step", ["copy", "judge", "switch"])
def test_an_update_that_is_stopped_leaves_all_as_it_was_and_goes_on_later(box: Box, stick, step):
    def stop(now, *_):
        if now == step:
            raise UpdateInterrupted

    before = box.state()
    with pytest.raises(UpdateInterrupted):
        box.updates.apply(stick, "x", stop)
    assert box.state() == before
    assert box.models() == []
    assert "update:bundle:refuse" not in box.audit.tags()
    box.updates.apply(stick, "x")
    assert box.models() == [("demo-1", "1.0")]


class _Killed(BaseException):
    """The process ends here: nothing is taken back, nothing is cleaned up."""


@pytest.mark.parametrize("step", ["copy", "place", "switch"])
def test_a_box_killed_while_it_applies_has_the_old_or_the_new(
    box: Box, yard, stick, tmp_path, monkeypatch, step
):
    box.updates.apply(stick, "x")
    yard.add(version="2.0", model=gguf_bytes(fill=b"\1"))
    newer = yard.build(tmp_path / "newer")
    monkeypatch.setattr(Application, "undo", lambda self: None)
    monkeypatch.setattr(Application, "abandon", lambda self: None)

    def kill(now, *_):
        if now == step:
            raise _Killed

    with pytest.raises(_Killed):
        box.updates.apply(newer, "x", kill)
    monkeypatch.undo()
    assert box.models() == [("demo-1", "1.0")]
    box.catalogue.verify("demo-1", "x")
    assert [one.version for one, _ in box.updates.installed()] == ["1.0"]
    box.updates.apply(newer, "x")
    assert box.models() == [("demo-1", "2.0")]


def test_an_engine_that_does_not_come_up_leaves_the_old_version(box: Box, yard, stick, tmp_path):
    box.updates.apply(stick, "x")
    yard.add(version="2.0", model=gguf_bytes(fill=b"\1"))
    newer = yard.build(tmp_path / "newer")
    before = box.state()

    def broken(name: str) -> None:
        raise ShelfFull(needed=1, free=0)

    kind = box.updates._rooms.kinds["models"]
    whole, kind._renew = kind._renew, broken
    with pytest.raises((ModelsError, UpdateError)):
        box.updates.apply(newer, "x")
    assert box.models() == [("demo-1", "1.0")]
    assert box.trust.anchor().floor.versions == _versions(before)
    assert len(box.catalogue.versions("demo-1")) == 1
    kind._renew = whole
    box.updates.apply(newer, "x")
    assert box.models() == [("demo-1", "2.0")]


def _versions(state: dict[str, bytes]) -> dict[str, int]:
    (raw,) = [raw for path, raw in state.items() if path.endswith("floor.json")]
    return json.loads(raw)["versions"]
