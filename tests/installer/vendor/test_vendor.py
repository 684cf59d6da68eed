"""The vendor's side: the ceremony, what may be shipped, reproducible bundles, and looking at one."""

import io
import json
import os
import stat
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.manifest import KINDS
from installer.__main__ import main
from installer.vendor.errors import (
    VendorError,
    VendorFolderTaken,
    VendorKeyUnusable,
    VendorModelRefused,
    VendorNothingToShip,
    VendorPackageRefused,
    VendorPassphraseWeak,
)
from installer.vendor.keys import KeyFolder, open_key
from installer.vendor.warehouse import Warehouse
from tests.installer.vendor.yard import CHEAP, NOW, PASSPHRASE, Yard, read
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import make_card


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path / "vendor").init()


def test_the_ceremony_makes_a_root_of_two_in_three(yard):
    root = json.loads(yard.root)["signed"]
    assert (root["roles"]["root"]["threshold"], len(root["roles"]["root"]["keyids"])) == (2, 3)
    used = [key for role in root["roles"].values() for key in role["keyids"]]
    assert len(used) == len(set(used)) == 6, "no key serves two roles"
    keys = sorted((yard.folder / "keys").iterdir())
    assert [path.name.split(".")[0] for path in keys] == sorted(
        ["root-1", "root-2", "root-3", "targets", "snapshot", "timestamp", *KINDS]
    )
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
    assert all(b"private" not in path.read_bytes().lower() for path in keys)


def test_a_second_ceremony_overwrites_nothing(yard):
    before = files_of(yard.folder)
    with pytest.raises(VendorFolderTaken):
        yard.init()
    assert files_of(yard.folder) == before


def test_a_key_opens_with_its_passphrase_only(yard, tmp_path):
    path = yard.folder / "keys" / "models.key.json"
    assert open_key(path, lambda _: PASSPHRASE).public_key.keyid
    with pytest.raises(VendorKeyUnusable, match="passphrase is wrong"):
        open_key(path, lambda _: "something else")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VendorKeyUnusable, match="damaged"):
        open_key(path, lambda _: PASSPHRASE)
    with pytest.raises(VendorPassphraseWeak):
        KeyFolder(tmp_path / "weak", lambda _: "short", CHEAP).create("root-1")


def test_the_same_input_at_the_same_time_gives_the_same_bundle(yard, tmp_path):
    yard.add()
    first = files_of(yard.build(tmp_path / "one"))
    assert files_of(yard.build(tmp_path / "two")) == first
    assert {name.split("/")[0] for name in first} == {"metadata", "targets", "chunks"}


def test_versions_rise_only_with_what_changed(yard, tmp_path):
    yard.add()
    yard.build(tmp_path / "one")
    yard.add("demo-2")
    two = yard.build(tmp_path / "two", NOW + timedelta(days=1))
    assert (two / "metadata" / "2.models.json").is_file()
    assert read(two / "metadata" / "timestamp.json")["signed"]["version"] == 2
    models = read(two / "metadata" / "2.models.json")["signed"]["targets"]
    assert sorted(models) == [
        "models/demo-1/1.0/package.json",
        "models/demo-2/1.0/package.json",
    ]


def test_nothing_is_shipped_without_a_model_or_over_something(yard, tmp_path):
    with pytest.raises(VendorNothingToShip):
        yard.build(tmp_path / "out")
    yard.add()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    with pytest.raises(VendorFolderTaken):
        yard.build(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["note"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("demo.gguf", gguf_bytes()[:-8]),
        ("demo.gguf", b"\x80\x04K\x01."),
        ("模型.gguf", gguf_bytes()),
        ("-o.gguf", gguf_bytes()),
        ("demo.gguf", b""),
    ],
)
def test_what_no_box_would_take_is_not_added(yard, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "card.json").write_bytes(make_card().to_bytes())
    with pytest.raises((VendorModelRefused, VendorPackageRefused)):
        Warehouse(yard.folder).add(tmp_path / name, tmp_path / "card.json")
    assert Warehouse(yard.folder).stock() == ()


def test_one_version_has_one_content(yard, tmp_path):
    yard.add()
    (tmp_path / "demo.gguf").write_bytes(gguf_bytes())
    (tmp_path / "card.json").write_bytes(make_card(licence="other").to_bytes())
    with pytest.raises(VendorFolderTaken):
        Warehouse(yard.folder).add(tmp_path / "demo.gguf", tmp_path / "card.json")
    yard.add(version="1.1")
    assert [one.package.version for one in Warehouse(yard.folder).stock()] == ["1.1"]


@pytest.fixture
def said(monkeypatch, capsys):
    monkeypatch.setattr("installer.vendor.keys.COST", CHEAP)

    def run(*words: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = main(["vendor", *map(str, words)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_the_whole_way_by_command(said, tmp_path, monkeypatch):
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    home, out = tmp_path / "vendor", tmp_path / "out"
    moment = "2027-03-01T08:00:00Z"
    at = ["--time", moment, "--passphrase-file", secret]
    status, text, _ = said("init", home, *at)
    assert status == 0
    assert "2 / 3" in text
    (tmp_path / "demo.gguf").write_bytes(gguf_bytes())
    (tmp_path / "card.json").write_bytes(make_card().to_bytes())
    add = ["add-model", tmp_path / "demo.gguf", "--card", tmp_path / "card.json", "--dir", home]
    assert said(*add)[0] == 0
    assert said("build", out, "--dir", home, *at)[0] == 0
    status, text, _ = said("inspect", out)
    assert status == 0
    assert "nothing above is proven" in text
    status, text, _ = said("inspect", out, "--root", home / "root.json", "--time", moment, "--json")
    report = json.loads(text)
    assert status == 0
    assert report["trusted"] is True
    seen = [(one["kind"], one["id"], one["version"]) for one in report["packages"]]
    assert seen == [("models", "demo-1", "1.0")]
    status, _, told = said(
        "inspect", out, "--root", home / "root.json", "--time", "2029-01-01T00:00:00Z"
    )
    assert status == 1
    assert "[update.expired]" in told


def test_a_signature_is_added_by_a_key_of_the_root_only(said, yard):
    root = yard.folder / "root.json"
    data = read(root)
    data["signatures"] = data["signatures"][:1]
    root.write_bytes(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())
    key = yard.folder / "keys" / "root-2.key.json"
    status, text, _ = said("sign", root, "--key", key, stdin=PASSPHRASE + "\n")
    assert (status, len(read(root)["signatures"])) == (0, 2)
    assert "2 个签名" in text
    wrong = yard.folder / "keys" / "models.key.json"
    status, _, told = said("sign", root, "--key", wrong, stdin=PASSPHRASE + "\n")
    assert status == 1
    assert "[vendor.key-unusable]" in told
    assert len(read(root)["signatures"]) == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["inspect", "nowhere"], "update.bundle-missing"),
        (["build", "out", "--dir", "nowhere"], "vendor.nothing-to-ship"),
        (["build", "out", "--days", "0"], "vendor.argument-refused"),
        (["init", "new", "--time", "yesterday"], "vendor.argument-refused"),
        (["init", "new", "--passphrase-file", "nowhere"], "vendor.disk-refused"),
        (["add-model", "nowhere", "--card", "nowhere"], "vendor.disk-refused"),
    ],
)
def test_a_refusal_is_a_sentence(said, tmp_path, monkeypatch, words, code):
    monkeypatch.chdir(tmp_path)
    status, out, told = said(*words, stdin=PASSPHRASE + "\n")
    assert (status, out) == (1, "")
    assert f"[{code}]" in told
    assert "Traceback" not in told


def test_an_empty_passphrase_is_none(said, tmp_path):
    status, _, told = said("init", tmp_path / "new", stdin="")
    assert status == 1
    assert "[vendor.no-passphrase]" in told


def test_an_untrusted_look_obeys_no_terminal_and_names_the_damage(said, yard, tmp_path):
    yard.add()
    bundle = yard.build(tmp_path / "out")
    model = max((bundle / "chunks").glob("*/*"), key=lambda path: path.stat().st_size)
    raw = bytearray(model.read_bytes())
    raw[-1] ^= 1
    model.chmod(0o644)
    model.write_bytes(raw)
    status, text, _ = said("inspect", bundle)
    assert status == 1
    assert "its content is not the signed one" in text
    assert "\x1b" not in text


def test_every_refusal_has_both_languages():
    kinds = [VendorError, *VendorError.__subclasses__()]
    assert all(kind.zh and kind.en and kind.way_out_zh and kind.way_out_en for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_keys_are_never_group_readable(yard):
    assert stat.S_IMODE((yard.folder / "keys").stat().st_mode) == 0o700
    assert os.access(yard.folder / "root.json", os.R_OK)
