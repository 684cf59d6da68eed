"""Keys of a vendor: made, rotated, revoked, kept in several places, and boxes that follow."""

import io
import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.errors import TrustRootRefused
from appliance.updates.fetcher import Stick
from appliance.updates.manifest import KINDS
from appliance.updates.trust import TrustStore
from appliance.updates.verify import Verified, verify_metadata
from installer.__main__ import main
from installer.vendor.ceremony import ROOT_KEYS, add_signature, hold_ceremony, merge_signatures
from installer.vendor.errors import (
    VendorArgumentRefused,
    VendorFolderTaken,
    VendorFolderUnusable,
    VendorKeyUnusable,
    VendorRoleRefused,
    VendorSignaturesMissing,
)
from installer.vendor.keys import KeyFolder, open_key
from installer.vendor.roster import Roster, adopt
from tests.installer.vendor.yard import CHEAP, NOW, PASSPHRASE, Yard, read

DAY = timedelta(days=1)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path / "vendor").init()
    made.add()
    return made


@pytest.fixture
def roster(yard: Yard) -> Roster:
    return Roster(yard.folder, yard.keys)


def judge(store: TrustStore, bundle: Path, now=NOW) -> Verified:
    with Stick(bundle) as stick:
        return verify_metadata(stick, store.anchor(), now)


def office(roster: Roster, role: str):
    return next(one for one in roster.offices() if one.role == role)


def sign(yard: Yard, *names: str) -> None:
    """Each holder signs the draft of the next root; whoever is last makes it hold."""
    for name in names:
        path = yard.folder / "keys" / f"{name}.key.json"
        add_signature(yard.folder / "next-root.json", open_key(path, lambda _: PASSPHRASE))
        adopt(yard.folder)


def test_a_ceremony_with_root_keys_on_media_of_their_own(tmp_path):
    media = [tmp_path / f"medium-{number}" for number in (1, 2, 3)]
    asked = []

    def passphrase(name: str) -> str:
        asked.append(name)
        return f"passphrase of {name}"

    keys = KeyFolder(tmp_path / "vendor" / "keys", passphrase, CHEAP)
    hold_ceremony(tmp_path / "vendor", keys, NOW, media)
    for name, medium in zip(ROOT_KEYS, media, strict=True):
        assert [path.name for path in medium.iterdir()] == [f"{name}.key.json"]
        path = medium / f"{name}.key.json"
        assert open_key(path, lambda _, n=name: f"passphrase of {n}")
        with pytest.raises(VendorKeyUnusable):
            open_key(path, lambda _: "passphrase of another")
    assert not list((tmp_path / "vendor" / "keys").glob("root-*"))
    assert len(asked) == len(set(asked)) == 3 + 3 + 5
    with pytest.raises(VendorFolderTaken):
        hold_ceremony(tmp_path / "other", keys.elsewhere(tmp_path / "k"), NOW, media[:1] * 3)


def test_every_role_has_keys_of_its_own(roster):
    offices = roster.offices()
    keys = [key for one in offices for key in one.keys]
    assert len(keys) == len(set(keys)) == 3 + 3 + 5
    assert (offices[0].role, offices[0].threshold) == ("root", 2)
    assert office(roster, "software").keys != office(roster, "models").keys


def test_a_key_more_and_a_threshold_of_two_in_two_places(yard, roster, tmp_path):
    """The second signer sits elsewhere, with a copy of the draft."""
    away = yard.keys.elsewhere(tmp_path / "away")
    roster.admit("models", "models-2", away, NOW)
    roster.require("models", 2, NOW)
    assert list(office(roster, "models").keys.values()) == ["models", "models-2"]
    assert len(office(roster, "models").here) == 1
    with pytest.raises(VendorFolderTaken):
        roster.admit("models", "models-2", yard.keys, NOW)
    with pytest.raises(VendorSignaturesMissing, match="models 1/2") as caught:
        yard.build(tmp_path / "early")
    draft = yard.folder / "metadata" / "models.draft.json"
    assert str(draft) in caught.value.sentence
    assert not (tmp_path / "early" / "metadata" / "timestamp.json").exists()
    copy = tmp_path / "copy" / "models.draft.json"
    copy.parent.mkdir()
    shutil.copy(draft, copy)
    key = open_key(tmp_path / "away" / "models-2.key.json", lambda _: PASSPHRASE)
    assert add_signature(copy, key) == 2
    assert merge_signatures(draft, copy) == 2
    shutil.rmtree(tmp_path / "early")
    bundle = yard.build(tmp_path / "out", NOW + DAY)
    assert not draft.exists()
    store = TrustStore(tmp_path / "trust" / "root.json")
    store.pin(yard.root, NOW)
    assert judge(store, bundle, NOW + DAY).packages
    # What nobody changed needs no signature again.
    again = yard.build(tmp_path / "again", NOW + 199 * DAY)
    assert (again / "metadata" / "1.models.json").is_file()
    assert (again / "metadata" / "2.targets.json").is_file(), "its key is here: it is fresh"
    assert judge(store, again, NOW + 199 * DAY).packages
    with pytest.raises(VendorSignaturesMissing, match="models 1/2"):
        yard.build(tmp_path / "late", NOW + 202 * DAY)


def test_a_stranger_cannot_sign_a_draft(yard, roster, tmp_path):
    roster.require("targets", 1, NOW)
    stranger = yard.keys.elsewhere(tmp_path / "stranger").create("stranger")
    with pytest.raises(VendorKeyUnusable):
        add_signature(yard.folder / "next-root.json", stranger)
    yard.build(tmp_path / "out")
    published = yard.folder / "metadata" / "models.json"
    before = published.read_bytes()
    with pytest.raises(VendorFolderUnusable, match="no draft"):
        add_signature(published, yard.keys.open("models"))
    assert published.read_bytes() == before
    other = Yard(tmp_path / "other").init()
    with pytest.raises(VendorFolderUnusable):
        merge_signatures(yard.folder / "next-root.json", other.folder / "root.json")


def test_a_key_of_a_kind_is_rotated_and_boxes_follow(yard, roster, tmp_path):
    store = TrustStore(tmp_path / "trust" / "root.json")
    store.pin(yard.root, NOW)
    store.commit(judge(store, yard.build(tmp_path / "one")).accepted)
    old = next(iter(office(roster, "models").keys))
    roster.rotate("models", "models", "models-next", yard.keys, NOW)
    assert old not in office(roster, "models").keys
    second = yard.build(tmp_path / "two", NOW + DAY)
    assert (second / "metadata" / "2.models.json").is_file()
    assert (second / "metadata" / "2.targets.json").is_file()
    store.commit(judge(store, second, NOW + DAY).accepted)
    with pytest.raises(VendorKeyUnusable):
        roster.revoke("models", old, NOW)


def test_a_root_key_is_rotated_by_two_of_the_old_and_two_of_the_new(yard, roster, tmp_path):
    store = TrustStore(tmp_path / "trust" / "root.json")
    first = yard.root
    store.pin(first, NOW)
    roster.rotate("root", "root-1", "root-4", yard.keys, NOW)
    sign(yard, "root-4", "root-2")
    assert yard.root == first, "only one of the old has signed"
    draft = (yard.folder / "next-root.json").read_bytes()
    with pytest.raises(TrustRootRefused):
        store.pin(draft, NOW)
    sign(yard, "root-3")
    assert yard.root != first
    assert not (yard.folder / "next-root.json").exists()
    assert store.pin(yard.root, NOW).version == 2
    bundle = yard.build(tmp_path / "out")
    assert sorted(path.name for path in (bundle / "metadata").glob("*.root.json")) == [
        "1.root.json",
        "2.root.json",
    ]
    behind = TrustStore(tmp_path / "behind" / "root.json")
    behind.pin(first, NOW)
    behind.commit(judge(behind, bundle).accepted)
    assert behind.pinned().version == 2, "the stick itself brings the next root"
    roster.rotate("root", "root-2", "root-5", yard.keys, NOW)
    with pytest.raises(VendorKeyUnusable):
        sign(yard, "root-1")


def test_the_key_of_the_timestamp_is_revoked_after_a_theft(yard, roster, tmp_path):
    store = TrustStore(tmp_path / "trust" / "root.json")
    store.pin(yard.root, NOW)
    yard.build(tmp_path / "one")
    stolen = yard.build(tmp_path / "two", NOW + DAY)
    store.commit(judge(store, stolen, NOW + DAY).accepted)
    roster.rotate("timestamp", "timestamp", "timestamp-next", yard.keys, NOW)
    sign(yard, "root-1", "root-3")
    third = yard.build(tmp_path / "three", NOW + 2 * DAY)
    store.commit(judge(store, third, NOW + 2 * DAY).accepted)
    assert store.pinned().version == 2
    shutil.copy(stolen / "metadata" / "timestamp.json", third / "metadata" / "timestamp.json")
    with pytest.raises(Exception, match="timestamp"):
        judge(store, third, NOW + 2 * DAY)


@pytest.mark.parametrize(("role", "count"), [("models", 2), ("models", 0), ("root", 4)])
def test_a_role_that_nobody_could_sign_for(yard, roster, role, count):
    before = {path: path.read_bytes() for path in yard.folder.rglob("*.json")}
    with pytest.raises(VendorRoleRefused):
        roster.require(role, count, NOW)
    with pytest.raises(VendorRoleRefused):
        roster.revoke("models", "models", NOW)
    assert {path: path.read_bytes() for path in yard.folder.rglob("*.json")} == before


@pytest.mark.parametrize("role", ["", "others", "../x", "Root"])
def test_a_role_that_there_is_not(yard, roster, role):
    with pytest.raises(VendorArgumentRefused):
        roster.admit(role, "key", yard.keys, NOW)
    with pytest.raises(VendorArgumentRefused):
        yard.keys.create(f"../{role}")


@pytest.fixture
def said(monkeypatch, capsys):
    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PASSPHRASE.encode())))
        monkeypatch.setattr("installer.vendor.keys.COST", CHEAP)
        status = main(["vendor", *map(str, words)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_the_commands(said, yard, tmp_path):
    home = ["--dir", yard.folder, "--time", "2027-03-01T08:00:00Z"]
    status, text, _ = said("key", "list", *home)
    assert status == 0
    assert "2 / 3" in text
    assert text.count("models") >= 2
    status, text, _ = said("key", "revoke", "root", "root-3", *home)
    assert status == 0
    assert "next-root.json" in text
    status, _, told = said("key", "revoke", "root", "nobody", *home)
    assert (status, "[vendor.key-unusable]" in told) == (1, True)
    status, _, told = said("key", "threshold", "models", "7", *home)
    assert (status, "[vendor.role-refused]" in told) == (1, True)
    for name in ("root-1", "root-2"):
        key = yard.folder / "keys" / f"{name}.key.json"
        status, text, _ = said("sign", yard.folder / "next-root.json", "--key", key)
        assert status == 0
    assert "in force" in text
    assert read(yard.folder / "root.json")["signed"]["version"] == 2
    yard.build(tmp_path / "out")
    status, text, _ = said("factory", *home)
    assert json.loads(text)["versions"] == {
        "models": 1,
        "root": 2,
        "snapshot": 1,
        "targets": 1,
        "timestamp": 1,
    }
    assert len(json.loads(text)["roots"]) == 2


def test_a_folder_with_a_passphrase_for_each_key(said, tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    names = ["root-1", "root-2", "root-3", "targets", "snapshot", "timestamp", *KINDS]
    for name in names:
        (folder / name).write_text(f"the words of {name}\n")
    status, _, _ = said("init", tmp_path / "home", "--passphrase-file", folder)
    assert status == 0
    for name in names:
        path = tmp_path / "home" / "keys" / f"{name}.key.json"
        assert open_key(path, lambda _, n=name: f"the words of {n}")
    (folder / "data").unlink()
    status, _, told = said("init", tmp_path / "again", "--passphrase-file", folder)
    assert (status, "[vendor.disk-refused]" in told) == (1, True)
    document = read(tmp_path / "home" / "keys" / "data.key.json") | {"name": "../../etc/passwd"}
    (tmp_path / "evil.key.json").write_text(json.dumps(document))
    with pytest.raises(VendorKeyUnusable):
        open_key(tmp_path / "evil.key.json", lambda name: (folder / name).read_text())
