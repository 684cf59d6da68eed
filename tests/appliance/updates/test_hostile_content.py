"""Hostile content: a stick whose files are not the signed ones, are no files, or change while they are read."""

import errno
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.updates.anchor import new_anchor
from appliance.updates.errors import (
    BundleEmpty,
    BundleMissing,
    ContentRefused,
    MetadataRefused,
    SignatureRefused,
    StickUnreadable,
    UpdateError,
)
from appliance.updates.fetcher import Stick
from appliance.updates.staging import Staging
from appliance.updates.verify import verify_metadata
from tests.appliance.updates.conftest import Box
from tests.appliance.updates.sticks import ROLES, manifest_of, metadata, model_of, refused
from tests.installer.vendor.yard import NOW, remanifest, rewrite
from tests.models.formats.build import gguf_bytes


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _swap(path: Path) -> None:
    other = next(one for one in path.parents[1].glob("*/*") if one != path)
    held = other.read_bytes()
    other.write_bytes(path.read_bytes())
    path.write_bytes(held)


@pytest.mark.parametrize(
    "change",
    [
        _flip,
        _swap,
        Path.unlink,
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: os.truncate(path, 0),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: os.truncate(path, (2 << 30) + 1),
        lambda path: os.truncate(path, (4 << 30) + 1),
    ],
)
def test_content_that_is_not_the_signed_one(box: Box, stick, change):
    change(model_of(stick))
    refused(box, stick, ContentRefused)
    assert list(box.folder.glob("staging/*/chunks/**/*")) == []


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _folder_link(path: Path) -> None:
    held = path.parent
    held.rename(held.with_name("real"))
    held.symlink_to("real")


@pytest.mark.parametrize("what", ["content", *ROLES])
@pytest.mark.parametrize("change", [_fifo, _link, _device, _folder, _folder_link])
def test_links_and_special_files(box: Box, stick, what, change):
    change(model_of(stick) if what == "content" else metadata(stick, what))
    refused(box, stick, ContentRefused, StickUnreadable, MetadataRefused, BundleMissing)


def test_a_stick_whose_second_read_gives_other_bytes(box: Box, stick, monkeypatch):
    """Whatever a second read would give, the shelf holds what was hashed."""
    take = Staging.take

    def and_spoil(self, *words, **more):
        take(self, *words, **more)
        for path in (stick / "chunks").glob("*/*"):
            path.write_bytes(bytes(path.stat().st_size))

    monkeypatch.setattr(Staging, "take", and_spoil)
    box.updates.apply(stick, "x")
    held = box.catalogue.get("demo-1").path
    assert held.read_bytes() == gguf_bytes()


def test_metadata_whose_second_read_differs(box: Box, stick, monkeypatch):
    whole = Stick.chunks
    reads: dict[str, int] = {}

    def fickle(self, descriptor, name):
        reads[name] = reads.get(name, 0) + 1
        for part in whole(self, descriptor, name):
            yield part if reads[name] == 1 else part.replace(b"2028", b"2038")

    monkeypatch.setattr(Stick, "chunks", fickle)
    with pytest.raises((MetadataRefused, SignatureRefused)):
        box.updates.apply(stick, "x")
    assert box.models() == []


def test_a_stick_that_fails_while_it_is_read(box: Box, stick, monkeypatch):
    def fail(descriptor, size):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("appliance.updates.fetcher.os.read", fail)
    error = refused(box, stick, StickUnreadable)
    assert "Input/output error" in error.sentence


def test_a_card_of_another_model(box: Box, yard, stick):
    yard.add("demo-2")
    both = yard.build(stick.parent / "both")
    other = json.loads(manifest_of(both, "demo-2").read_bytes())
    foreign = other["files"][0]
    assert foreign["name"] == "card.json"

    def cross(data):
        data["files"][0] = foreign
        data["supply"] = {**other["supply"], **data["supply"]}
        held = {digest for file in data["files"] for digest, _ in file["chunks"]}
        data["supply"] = {name: row for name, row in data["supply"].items() if name in held}

    remanifest(yard, both, "models", "demo-1", cross)
    refused(box, both, ContentRefused)


def test_nothing_that_this_box_could_use(box: Box, yard, stick):
    rewrite(yard, stick, "models", lambda s: s.update(targets={}))
    refused(box, stick, BundleEmpty)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_damage_anywhere_is_refused(shop, tmp_path, data):
    stick = tmp_path / "damaged"
    shutil.rmtree(stick, ignore_errors=True)
    shutil.copytree(shop / "stick", stick)
    path = data.draw(st.sampled_from(sorted((stick / "metadata").iterdir())))
    raw = path.read_bytes()
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, len(raw)))
    changed = raw[:start] + data.draw(st.binary(max_size=40)) + raw[end:]
    path.write_bytes(changed)
    anchor = new_anchor((shop / "vendor" / "root.json").read_bytes())
    with Stick(stick) as held:
        if changed == raw:
            verify_metadata(held, anchor, NOW)
        else:
            with pytest.raises(UpdateError):
                verify_metadata(held, anchor, NOW)


def test_every_byte_of_a_manifest_counts(box: Box, stick):
    path = manifest_of(stick)
    raw = path.read_bytes()
    anchor = box.trust.anchor()
    accepted = []
    for at in range(0, len(raw), 97):
        changed = bytearray(raw)
        changed[at] ^= 1 << (at % 8)
        path.write_bytes(changed)
        with suppress(UpdateError), Stick(stick) as held:
            verify_metadata(held, anchor, NOW)
            accepted.append(at)
    assert accepted == []


@pytest.mark.parametrize(
    "change",
    [
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes() + b" "),
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, (4 << 30) + 1),
        _fifo,
        _link,
        _device,
        _folder,
    ],
)
def test_a_manifest_that_is_not_the_signed_one(box: Box, stick, change):
    change(manifest_of(stick))
    refused(box, stick, ContentRefused, StickUnreadable)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(id="demo-2"),
        lambda data: data.update(version="2.0"),
        lambda data: data.update(kind="data"),
        lambda data: data["files"][1].update(name="files/../../../etc/passwd"),
        lambda data: data["files"][1].update(size=1 << 45),
        lambda data: data["files"][1].update(sha256="0" * 64),
        lambda data: data["files"].pop(),
        lambda data: data.update(supply={}),
    ],
)
def test_a_manifest_that_lies_though_properly_signed(box: Box, yard, stick, change):
    remanifest(yard, stick, "models", "demo-1", change)
    before = box.state()
    with pytest.raises(UpdateError):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert box.models() == []
