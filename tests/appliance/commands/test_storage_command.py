"""`wardbox storage` without a box: a back end for a restore, and the copy of a header."""

import argparse
import shutil

import pytest

from appliance.commands import storage as command
from appliance.settings.layout import StateLayout
from appliance.vault import choice as choices
from appliance.vault.choice import Choice
from appliance.vault.record import luks_record, read_record, write_record


@pytest.fixture
def box(tmp_path):
    return StateLayout(tmp_path / "state")


def run(box, *words):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["storage", *words])
    args.environ = {"WARDBOX_STATE": str(box.root)}
    return command.run(args)


def test_a_place_for_a_restore_is_chosen_once(box, monkeypatch, capsys):
    asked = []

    def choose(wish, *, erase):
        asked.append((wish, erase))
        return Choice(box.root / "disk", "因为", "because")

    monkeypatch.setattr(choices, "choose", choose)
    assert run(box, "choose", "luks:/dev/sdz") == 0
    assert asked == [("luks:/dev/sdz", False)]
    record = read_record(box)
    assert (record.backend, record.stage) == ("luks", "chosen")
    assert run(box, "choose", "embedded") == 0
    write_record(box, record.at("ready"))
    assert run(box, "choose", "embedded") == 1
    assert "vault.exists" in capsys.readouterr().err


def test_an_existing_vault_is_never_given_another_place(box, capsys):
    box.keys.mkdir(parents=True)
    box.sealed_root.write_text("{}")
    assert run(box, "choose", "auto") == 1
    assert "vault.exists" in capsys.readouterr().err
    assert read_record(box) is None


def test_without_luks_there_is_no_header(box, capsys):
    assert run(box, "copy-header") == 1
    assert "embedded back end" in capsys.readouterr().err


def test_a_missing_device_is_told_in_a_sentence(box, tmp_path, capsys):
    write_record(box, luks_record(tmp_path / "no-disk", "因为", "because").at("ready"))
    for what in ("copy-header", "restore-header"):
        assert run(box, what) == 1
        told = capsys.readouterr().err
        assert "vault.foreign-device" in told
        assert "Traceback" not in told


def test_a_machine_without_the_programs_is_told_which_package_brings_them(
    box, tmp_path, capsys, monkeypatch
):
    device = tmp_path / "disk"
    device.touch()
    write_record(box, luks_record(device, "因为", "because").at("ready"))
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "cryptsetup" else found(name))
    for what in ("copy-header", "restore-header"):
        assert run(box, what) == 1
        told = capsys.readouterr().err
        assert "apt-get install cryptsetup-bin" in told
        assert "vault.unsupported" in told


def test_growing_asks_the_running_box(box):
    assert run(box, "grow") == 3
