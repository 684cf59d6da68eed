"""Hostile sticks: whatever is done to a stick, the box refuses in a sentence and stays as it was."""

import os
import shutil
from contextlib import suppress
from datetime import timedelta

import pytest

from appliance.updates.errors import (
    BundleExpired,
    BundleMissing,
    BundleRolledBack,
    MetadataRefused,
    SignatureRefused,
    UpdateError,
)
from appliance.updates.fetcher import Stick
from appliance.updates.shape import compact
from appliance.updates.verify import verify_metadata
from tests.appliance.updates.conftest import Box
from tests.appliance.updates.sticks import ROLES, metadata, refused
from tests.installer.vendor.yard import NOW, Yard, read, rewrite


def test_bytes_of_the_metadata_count(box: Box, stick):
    """A sample of bytes, one bit each; through the judge that both ways begin with."""
    anchor = box.trust.anchor()
    accepted = []
    for path in sorted((stick / "metadata").iterdir()):
        raw = path.read_bytes()
        for at in range(0, len(raw), 31):
            changed = bytearray(raw)
            changed[at] ^= 1 << (at % 8)
            path.write_bytes(changed)
            with suppress(UpdateError), Stick(stick) as held:
                verify_metadata(held, anchor, NOW)
                accepted.append((path.name, at))
        path.write_bytes(raw)
    assert accepted == []


@pytest.mark.slow
def test_every_single_byte_of_the_metadata_counts(box: Box, stick):
    anchor = box.trust.anchor()
    accepted = []
    for path in sorted((stick / "metadata").iterdir()):
        raw = path.read_bytes()
        for at in range(len(raw)):
            changed = bytearray(raw)
            changed[at] ^= 1 << (at % 8)
            path.write_bytes(changed)
            with suppress(UpdateError), Stick(stick) as held:
                verify_metadata(held, anchor, NOW)
                accepted.append((path.name, at))
        path.write_bytes(raw)
    assert accepted == []


@pytest.mark.parametrize("role", ["1.root", *ROLES])
def test_every_byte_still_counts_once_the_bundle_is_applied(box: Box, stick, role):
    box.updates.apply(stick, "x")
    path = stick / "metadata" / "1.root.json" if role == "1.root" else metadata(stick, role)
    raw = path.read_bytes()
    before = box.state()
    for at in (0, len(raw) // 3, len(raw) // 2, len(raw) - 2):
        changed = bytearray(raw)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UpdateError):
            box.updates.apply(stick, "x")
    assert box.state() == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "signatures",
    [
        [],
        None,
        {},
        "x",
        [None],
        [{}],
        [{"keyid": "0" * 64, "sig": ""}],
        [{"keyid": "0" * 64, "sig": "0" * 128}],
    ],
)
def test_empty_or_foreign_signatures(box: Box, stick, role, signatures):
    path = metadata(stick, role)
    data = read(path)
    data["signatures"] = signatures
    path.write_bytes(compact(data))
    refused(box, stick, MetadataRefused, SignatureRefused)


def test_one_key_that_signs_twice(box: Box, yard, stick):
    path = metadata(stick, "timestamp")
    data = read(path)
    data["signatures"] *= 2
    path.write_bytes(compact(data))
    refused(box, stick, MetadataRefused)


def test_a_spare_signature_that_does_not_hold(box: Box, stick):
    path = metadata(stick, "timestamp")
    data = read(path)
    data["signatures"].append({"keyid": "1" * 64, "sig": "0" * 128})
    path.write_bytes(compact(data))
    refused(box, stick, SignatureRefused)


@pytest.mark.parametrize("signer", ["models", "root-1", "snapshot"])
def test_a_wrong_signer(box: Box, yard, stick, signer):
    path = metadata(stick, "timestamp")
    data = read(path)
    data["signatures"] = [yard.signature(signer, data["signed"])]
    path.write_bytes(compact(data))
    refused(box, stick, SignatureRefused)


def test_another_vendor(box: Box, tmp_path):
    other = Yard(tmp_path / "other").init()
    other.add()
    refused(box, other.build(tmp_path / "theirs"), SignatureRefused, MetadataRefused)


@pytest.mark.parametrize("role", ROLES)
def test_expired_in_any_role(box: Box, yard, stick, role):
    rewrite(yard, stick, role, lambda s: s.update(expires="2027-02-28T00:00:00Z"))
    refused(box, stick, BundleExpired)


@pytest.mark.parametrize("role", ["snapshot", "models", "timestamp"])
def test_an_old_part_among_new_ones(box: Box, yard, stick, tmp_path, role):
    yard.add("demo-2")
    newer = yard.build(tmp_path / "newer", NOW + timedelta(hours=1))
    box.now = NOW + timedelta(hours=2)
    shutil.copy(metadata(stick, role), metadata(newer, role))
    refused(box, newer)


def test_a_frozen_stick_is_refused_after_a_newer_one(box: Box, yard, stick, tmp_path):
    newer = yard.build(tmp_path / "newer", NOW + timedelta(hours=1))
    box.now = NOW + timedelta(hours=2)
    box.updates.apply(newer, "x")
    with pytest.raises(BundleRolledBack):
        box.updates.verify(stick, "x")


@pytest.mark.parametrize("role", ["1.root", *ROLES])
def test_huge_metadata_is_not_read_to_its_end(box: Box, stick, role, monkeypatch):
    path = stick / "metadata" / "1.root.json" if role == "1.root" else metadata(stick, role)
    os.truncate(path, (2 << 30) + 1)
    total = [0]
    whole = Stick.chunks

    def counted(self, descriptor, name):
        for part in whole(self, descriptor, name):
            total[0] += len(part)
            yield part

    monkeypatch.setattr(Stick, "chunks", counted)
    refused(box, stick)
    assert total[0] < 64 << 20


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"a":1,"a":2}', b"\xff\xfe", b"1" * 9000]
)
@pytest.mark.parametrize("role", ROLES)
def test_metadata_that_is_none(box: Box, stick, role, raw):
    metadata(stick, role).write_bytes(raw)
    refused(box, stick, MetadataRefused)


@pytest.mark.parametrize("role", ["snapshot", "targets", "models"])
def test_metadata_that_is_missing(box: Box, stick, role):
    metadata(stick, role).unlink()
    refused(box, stick, MetadataRefused)


def test_no_bundle_at_all(box: Box, stick, tmp_path):
    metadata(stick, "timestamp").unlink()
    refused(box, stick, BundleMissing)
    refused(box, tmp_path / "nowhere", BundleMissing)
    refused(box, tmp_path / "vendor" / "root.json", BundleMissing)
    refused(box, tmp_path / "a\nb\x1b[31m", BundleMissing)
