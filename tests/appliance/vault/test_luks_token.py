"""The header of the vault's device tells what its key is sealed to, whoever looks, and never more."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.luks_token import token_of
from appliance.vault.record import luks_record
from appliance.vault.slot_making import SlotWish
from firmware_checks.probes import devices
from firmware_checks.probes.tree import Tree
from secure_compute.tpm import SealedInTpm
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.luks_disk import KEY, HeaderTools, blank, opens, volume
from tests.appliance.vault.slotted import ME, PRESENT, ids
from tests.firmware_checks.machine import sound


def a_slot(kind, **pcrs):
    kdf = {"algorithm": "x", "salt": ""}
    if pcrs:
        values = {int(name[3:]): value for name, value in pcrs.items()}
        kdf |= SealedInTpm(b"public", b"private", "000b" + "11" * 32, values).to_fields()
    return SimpleNamespace(kind=kind, kdf=kdf)


WORD = a_slot("passphrase")
CHIP = a_slot("tpm", pcr7="ab" * 32, pcr4="cd" * 32)


@pytest.fixture
def device(tmp_path):
    return blank(tmp_path / "disk")


@pytest.fixture
def tools():
    return HeaderTools()


@pytest.fixture
def disk(tmp_path, device, tools):
    box = volume(StateLayout(tmp_path / "box"), luks_record(device, "因为", "because"), tools)
    box.prepare(KEY)
    return box


def header(device):
    words = ("cryptsetup", "luksDump", "--dump-json-metadata", str(device))
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def sealed_to(device, tmp_path):
    """A function that tells what the firmware checks make of the header."""
    machine = sound(tmp_path / "machine")

    def told():
        machine.put("capture/luks-nvme0n1p3.json", header(device))
        (seen,) = devices.luks(Tree(tmp_path / "machine"))
        return seen.sealed_to

    return told


def test_a_real_header_tells_the_firmware_checks_what_it_is_sealed_to(disk, device, sealed_to):
    assert sealed_to() is None
    disk.tell([WORD, CHIP])
    assert sealed_to() == (4, 7)
    assert opens(device, KEY)
    disk.tell([WORD])
    assert sealed_to() is None
    assert list(json.loads(header(device))["tokens"]) == ["31"]


def test_it_is_written_only_when_it_changed_and_leaves_nothing_behind(
    disk, device, tools, tmp_path
):
    disk.tell([WORD, CHIP])
    tools.arguments.clear()
    disk.tell([CHIP, WORD])
    assert "import" not in tools.arguments
    assert not list((tmp_path / "box").rglob("*.token"))


def test_a_header_that_cannot_be_told_is_told_next_time(disk, tools, tmp_path, sealed_to):
    tools.failing["token"] = (1, "the device is busy")
    disk.tell([CHIP])
    assert not list((tmp_path / "box").rglob("*.token"))
    tools.failing.clear()
    disk.tell([CHIP])
    assert sealed_to() == (4, 7)


def test_the_token_of_another_program_stays(disk, device, tmp_path):
    note = tmp_path / "note.json"
    note.write_text(json.dumps({"type": "ward-note", "keyslots": []}))
    words = ("cryptsetup", "token", "import", "--json-file", str(note), str(device))
    subprocess.run(words, check=True)
    disk.tell([CHIP])
    kinds = {one["type"] for one in json.loads(header(device))["tokens"].values()}
    assert kinds == {"ward-note", "wardbox"}


def test_it_holds_the_kinds_and_registers_alone():
    assert token_of([WORD, CHIP, WORD]) == {
        "type": "wardbox",
        "keyslots": [],
        "slots": ["passphrase", "tpm"],
        "tpm2-pcrs": [4, 7],
    }


def test_the_device_is_told_at_each_opening_and_with_each_change(made, files):
    vault = made()
    vault.create(PASSPHRASE)
    vault.slots.add(PRESENT, SlotWish("tpm"), ME)
    assert files.told == ()
    vault.unlock(PASSPHRASE)
    assert set(files.told) == {"passphrase", "recovery", "tpm"}
    vault.slots.revoke(PRESENT, ids(vault)["tpm"])
    assert set(files.told) == {"passphrase", "recovery"}
    vault.slots.add(PRESENT, SlotWish("tpm"), ME)
    assert "tpm" in files.told
