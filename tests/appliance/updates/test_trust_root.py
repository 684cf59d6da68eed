"""The trust root: pinned once, followed by its own chain, never replaced."""

import argparse
import json
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.commands import update
from appliance.updates.errors import BundleRolledBack, ClockBehind, TrustRootRefused
from appliance.updates.shape import compact
from appliance.updates.trust import TrustStore
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import NOW, Yard, read


def next_root(yard: Yard, signers: tuple[str, ...], version: int = 2, **changes) -> bytes:
    data = json.loads(yard.root)
    data["signed"] |= {"version": version, **changes}
    data["signatures"] = [yard.signature(name, data["signed"]) for name in signers]
    return compact(data)


def test_the_first_pin_shows_what_to_compare(yard, tmp_path):
    store = TrustStore(tmp_path / "state" / "trust" / "updates" / "root.json")
    pinned = store.pin(yard.root, NOW)
    from hashlib import sha256

    assert pinned.fingerprint == sha256(yard.root).hexdigest()
    assert (pinned.version, pinned.threshold, len(pinned.keys)) == (1, 2, 3)
    assert store.pin(yard.root, NOW) == pinned == store.pinned()


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_root_is_not_pinned(tmp_path, raw):
    store = TrustStore(tmp_path / "trust" / "root.json")
    with pytest.raises(TrustRootRefused):
        store.pin(raw, NOW)
    assert not (tmp_path / "trust" / "root.json").exists()


def test_every_byte_of_a_first_root_counts(yard, tmp_path):
    store = TrustStore(tmp_path / "trust" / "root.json")
    accepted = []
    for at in range(0, len(yard.root), 5):
        changed = bytearray(yard.root)
        changed[at] ^= 1
        try:
            store.pin(bytes(changed), NOW)
        except TrustRootRefused:
            continue
        accepted.append(at)
    assert accepted == []


@pytest.mark.parametrize("signers", [("root-1",), ("models", "targets"), ("root-1", "models")])
def test_too_few_of_the_roots_own_keys(yard, tmp_path, signers):
    with pytest.raises(TrustRootRefused):
        TrustStore(tmp_path / "root.json").pin(next_root(yard, signers, version=1), NOW)


def test_an_expired_root_or_a_wrong_clock_pins_nothing(yard, tmp_path):
    store = TrustStore(tmp_path / "trust" / "root.json")
    with pytest.raises(TrustRootRefused, match="expired"):
        store.pin(yard.root, NOW + timedelta(days=3700))
    with pytest.raises(ClockBehind):
        store.pin(yard.root, NOW.replace(year=1970))


def test_another_vendors_root_does_not_replace_it(box: Box, tmp_path):
    other = Yard(tmp_path / "other").init()
    before = box.state()
    with pytest.raises(TrustRootRefused):
        box.trust.pin(other.root, NOW)
    assert box.state() == before


@pytest.mark.parametrize(
    ("signers", "version"),
    [
        (("root-1",), 2),
        (("models", "targets"), 2),
        (("root-1", "root-2"), 3),
        (("root-1", "root-2"), 1),
    ],
)
def test_a_root_that_does_not_follow(box: Box, yard, signers, version):
    before = box.state()
    raw = next_root(yard, signers, version, expires="2036-01-01T00:00:00Z")
    with pytest.raises(TrustRootRefused):
        box.trust.pin(raw, NOW)
    assert box.state() == before


def test_the_next_root_follows_by_hand(box: Box, yard, stick):
    raw = next_root(yard, ("root-1", "root-3"))
    assert box.trust.pin(raw, NOW).version == 2
    with pytest.raises(TrustRootRefused):
        box.trust.pin(yard.root, NOW)
    box.updates.apply(stick, "x")
    assert box.trust.pinned().version == 2


def test_the_next_root_follows_from_the_stick(box: Box, yard, stick):
    raw = next_root(yard, ("root-1", "root-2"))
    (stick / "metadata" / "2.root.json").write_bytes(raw)
    box.updates.verify(stick, "x")
    assert box.trust.pinned().version == 1, "a look changes nothing"
    box.updates.apply(stick, "x")
    assert box.trust.pinned().version == 2
    assert box.places.root.read_bytes() == raw
    roots = [event for event in box.audit.events if event.subject == "trust-root"]
    assert [event.details["version"].split()[0] for event in roots] == ["1", "2"]


def test_a_next_root_on_the_stick_that_is_not_signed_stops_everything(box: Box, yard, stick):
    (stick / "metadata" / "2.root.json").write_bytes(next_root(yard, ("root-1",)))
    before = box.state()
    with pytest.raises(Exception, match="root"):
        box.updates.apply(stick, "x")
    assert box.state() == before


def test_a_lost_root_does_not_come_back_older(box: Box, yard, stick):
    box.trust.pin(next_root(yard, ("root-1", "root-2")), NOW)
    box.places.root.write_bytes(yard.root)
    (box.places.root.parent / "metadata" / "root_history" / "2.root.json").unlink()
    with pytest.raises(BundleRolledBack):
        box.updates.verify(stick, "x")


def run(state: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    update.add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(["update", *words])
    args.environ = {"WARDBOX_STATE": str(state)}
    return update.run(args)


def test_the_command_pins_and_shows(yard, tmp_path, capsys):
    state = tmp_path / "state"
    assert run(state, "trust") == 1
    assert "[update.no-trust-root]" in capsys.readouterr().err
    assert run(state, "trust", str(yard.folder / "root.json")) == 0
    shown = capsys.readouterr().out
    assert "2 / 3" in shown
    assert all(
        key in shown for key in read(yard.folder / "root.json")["signed"]["roles"]["root"]["keyids"]
    )
    assert run(state, "trust") == 0
    assert capsys.readouterr().out == shown
    assert run(state, "trust", str(tmp_path / "nowhere")) == 1
    assert run(state, "trust", str(yard.folder / "keys" / "root-1.key.json")) == 1
    told = capsys.readouterr().err
    assert "[command.file-unreadable]" in told
    assert "[update.root-refused]" in told
    assert (state / "trust" / "updates" / "root.json").read_bytes() == yard.root


def test_without_a_box_the_command_says_so(tmp_path, capsys):
    assert run(tmp_path, "verify", str(tmp_path)) == 3
    assert run(tmp_path, "history") == 3
    assert "Traceback" not in capsys.readouterr().err
