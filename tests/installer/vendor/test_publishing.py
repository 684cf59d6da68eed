"""A bundle on a stick: complete or not a bundle, read back as a box reads it; and what changed."""

import io
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.updates.errors import UpdateError
from installer.__main__ import main
from installer.vendor import publishing
from installer.vendor.difference import compare
from installer.vendor.errors import VendorDiskRefused, VendorFolderTaken
from installer.vendor.inspection import judge
from installer.vendor.publishing import publish
from installer.vendor.roster import Roster
from tests.installer.vendor.yard import NOW, Yard

DAY = timedelta(days=1)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path / "vendor").init()
    made.add()
    return made


@pytest.fixture
def bundle(yard: Yard, tmp_path: Path) -> Path:
    return yard.build(tmp_path / "out")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_stick_holds_what_was_built_and_a_second_time_writes_only_what_is_new(
    yard, bundle, tmp_path, monkeypatch
):
    root = yard.folder / "root.json"
    stick = tmp_path / "stick"
    (stick / "family photos").mkdir(parents=True)
    found = publish(bundle, stick, root, NOW)
    assert found.trusted
    assert [one.id for one in found.packages] == ["demo-1"]
    assert files_of(stick) == files_of(bundle)
    yard.add("demo-2")
    newer = yard.build(tmp_path / "newer", NOW + DAY)
    copied = []
    real = publishing._copy
    monkeypatch.setattr(
        publishing, "_copy", lambda source, place: (copied.append(place.name), real(source, place))
    )
    assert len(publish(newer, stick, root, NOW + DAY).packages) == 2
    assert copied[-1] == "timestamp.json"
    there = {Path(name).name for name in files_of(bundle)}
    assert not there & set(copied[:-1])


def test_a_stick_pulled_out_at_any_file_is_the_old_bundle_or_the_new(
    yard, bundle, tmp_path, monkeypatch
):
    root = yard.folder / "root.json"
    stick = tmp_path / "stick"
    publish(bundle, stick, root, NOW)
    yard.add("demo-2")
    newer = yard.build(tmp_path / "newer", NOW + DAY)
    real = os.replace
    steps = 0
    while True:
        left = steps

        def replace(source, target, *words, **named):
            nonlocal left
            if left == 0 and Path(target).is_relative_to(stick):
                raise OSError(5, "Input/output error")
            left -= Path(target).is_relative_to(stick)
            return real(source, target, *words, **named)

        monkeypatch.setattr(os, "replace", replace)
        monkeypatch.setattr(Path, "replace", replace)
        try:
            publish(newer, stick, root, NOW + DAY)
        except VendorDiskRefused:
            found = judge(stick, root, NOW + DAY)
            assert [one.id for one in found.packages] == ["demo-1"]
            assert not list(stick.rglob("*.part"))
            steps += 1
            continue
        break
    assert steps >= 3, "each file that is new, and the timestamp"
    assert len(judge(stick, root, NOW + DAY).packages) == 2


def test_nothing_is_written_that_does_not_hold(yard, bundle, tmp_path):
    root = yard.folder / "root.json"
    with pytest.raises(VendorFolderTaken):
        publish(bundle, bundle, root, NOW)
    with pytest.raises(UpdateError):
        publish(bundle, tmp_path / "stick", root, NOW + 401 * DAY)
    blob = next(path for path in (bundle / "chunks").rglob("*") if path.is_file())
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    with pytest.raises(UpdateError):
        publish(bundle, tmp_path / "stick", root, NOW)
    assert files_of(tmp_path / "stick") == {}


def test_no_room(yard, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(
        publishing.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})()
    )
    with pytest.raises(VendorDiskRefused, match="1000"):
        publish(bundle, tmp_path / "stick", yard.folder / "root.json", NOW)
    assert files_of(tmp_path / "stick") == {}


def test_what_changed(yard, bundle, tmp_path):
    assert compare(bundle, bundle).packages == compare(bundle, bundle).roles == ()
    yard.add("demo-1", "1.1")
    yard.add("demo-2")
    roster = Roster(yard.folder, yard.keys)
    made = roster.admit("models", "models-2", yard.keys, NOW)
    roster.require("models", 2, NOW)
    found = compare(bundle, yard.build(tmp_path / "newer", NOW + DAY))
    assert [(one.id, one.old_version, one.new_version) for one in found.packages] == [
        ("demo-1", "1.0", "1.1"),
        ("demo-2", "", "1.0"),
    ]
    (models,) = [one for one in found.roles if one.name == "models"]
    assert models.keys_added == (made,)
    assert (models.old_threshold, models.new_threshold) == (1, 2)
    assert "root" not in [one.name for one in found.roles]


def test_the_commands(yard, bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    at = ["--time", "2027-03-01T08:00:00Z", "--root", str(yard.folder / "root.json")]
    stick = tmp_path / "stick"
    assert main(["vendor", "publish", str(stick), "--bundle", str(bundle), *at]) == 0
    assert "read back" in capsys.readouterr().out
    assert main(["vendor", "diff", str(bundle), str(stick)]) == 0
    assert "No difference" in capsys.readouterr().out
    assert main(["vendor", "diff", str(bundle), str(stick), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"packages": [], "roles": []}
    assert main(["vendor", "diff", str(bundle), str(tmp_path / "nowhere")]) == 1
    assert "[update.bundle-missing]" in capsys.readouterr().err
