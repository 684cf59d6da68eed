"""The LUKS2 back end: real headers on files, and what is asked of the kernel written down."""

import subprocess
from pathlib import Path

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault import luks
from appliance.vault.device import DeviceFacts
from appliance.vault.errors import (
    DeviceRefused,
    ForeignDevice,
    HeaderDamaged,
    MountFailed,
    VaultDamaged,
    VaultExists,
    VaultUnsupported,
)
from appliance.vault.luks_support import LuksSupport
from appliance.vault.record import luks_record, read_record
from tests.appliance.vault.luks_disk import KEY, OTHER, HeaderTools, blank, opens, uuid_on, volume


@pytest.fixture
def device(tmp_path):
    return blank(tmp_path / "disk")


@pytest.fixture
def box(tmp_path):
    return StateLayout(tmp_path / "box")


@pytest.fixture
def tools():
    return HeaderTools()


@pytest.fixture
def made(box, device, tools):
    made = volume(box, luks_record(device, "因为", "because"), tools)
    made.prepare(KEY)
    return made


def again(box, tools, **more):
    return volume(box, read_record(box), tools, **more)


def test_a_device_opens_with_the_vaults_key_and_no_other(made, device, box, tools):
    assert opens(device, KEY)
    assert not opens(device, OTHER)
    dump = subprocess.run(
        ("cryptsetup", "luksDump", str(device)), capture_output=True, text=True, check=True
    ).stdout
    assert "aes-xts-plain64" in dump
    assert "512 bits" in dump
    assert read_record(box).stage == "ready"
    assert uuid_on(device) == read_record(box).uuid
    assert [argv[0] for argv in tools.kernel] == ["cryptsetup", "mke2fs"]


def test_the_key_is_in_no_argument_and_in_no_file(made, device, box, tools):
    text = KEY.hex()
    assert not any(text in argument for argument in tools.arguments)
    assert not any(
        text.encode() in path.read_bytes() for path in box.root.rglob("*") if path.is_file()
    )


def test_a_volume_is_mounted_where_nothing_on_it_can_run(made, box, tools):
    tools.kernel.clear()
    again(box, tools).mount(KEY)
    words = [argv[0] for argv in tools.kernel]
    assert words == ["cryptsetup", "e2fsck", "mount", "resize2fs"]
    options = tools.kernel[2][tools.kernel[2].index("-o") + 1].split(",")
    assert {"nodev", "nosuid", "noexec"} <= set(options)
    assert {entry.name for entry in box.files_mount.iterdir()} >= {"shelf", "jobs"}


def test_a_finished_vault_is_never_formatted_again(made, box, tools, device):
    with pytest.raises(VaultExists):
        again(box, tools).prepare(OTHER)
    assert opens(device, KEY)


@pytest.mark.parametrize(
    "facts",
    [
        DeviceFacts(Path("/dev/x")),
        DeviceFacts(Path("/dev/x"), exists=True, size=8 << 30, writable=True, free=True),
        DeviceFacts(Path("/dev/x"), True, True, 8 << 30, False, True, "", "", True),
        DeviceFacts(Path("/dev/x"), True, True, 8 << 30, True, False, "", "", True),
        DeviceFacts(Path("/dev/x"), True, True, 1 << 30, True, True, "", "", True),
        DeviceFacts(Path("/dev/x"), True, True, 8 << 30, True, True, "ext4 'photos'", "u", False),
        DeviceFacts(Path("/dev/x"), True, True, 8 << 30, True, True, "crypto_LUKS", "u", False),
        DeviceFacts(Path("/dev/x"), True, True, 8 << 30, True, True, "", "", False),
    ],
)
def test_a_device_that_holds_anything_is_not_touched(box, device, tools, facts):
    record = luks_record(device, "因为", "because")
    with pytest.raises(DeviceRefused) as caught:
        volume(box, record, tools, facts=lambda path: facts).prepare(KEY)
    assert "storage_erase" in caught.value.way_out
    assert not tools.arguments
    assert not any(device.read_bytes()[: 1 << 20])


def test_told_so_a_used_device_is_taken_but_never_one_in_use(box, device, tools):
    used = DeviceFacts(device, True, True, 8 << 30, True, True, "ext4", "u", False)
    record = luks_record(device, "因为", "because")
    busy = DeviceFacts(device, True, True, 8 << 30, True, False, "ext4", "u", False)
    with pytest.raises(DeviceRefused, match="in use"):
        volume(box, record, tools, erase=True, facts=lambda path: busy).prepare(KEY)
    volume(box, record, tools, erase=True, facts=lambda path: used).prepare(KEY)
    assert opens(device, KEY)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["luksFormat", "luksHeaderBackup", "open", "mke2fs"])
def test_an_interrupted_making_is_begun_anew(box, device, tools, word):
    tools.failing[word] = (1, "the power went")
    with pytest.raises(MountFailed):
        volume(box, luks_record(device, "因为", "because"), tools).prepare(KEY)
    assert read_record(box).stage == "formatting"
    with pytest.raises(VaultDamaged):
        again(box, tools).mount(KEY)
    tools.failing.clear()
    again(box, tools).prepare(OTHER)
    assert opens(device, OTHER)
    assert not opens(device, KEY)


@pytest.mark.slow
def test_another_disk_in_its_place_is_refused(made, box, tools, device, tmp_path):
    away = tmp_path / "away"
    device.rename(away)
    with pytest.raises(ForeignDevice, match="not there"):
        again(box, tools).mount(KEY)
    with device.open("wb") as stream:
        stream.truncate(64 << 20)
    with pytest.raises(HeaderDamaged):
        again(box, tools).mount(KEY)
    words = ("cryptsetup", "luksFormat", "--batch-mode", "--pbkdf=pbkdf2",
             "--pbkdf-force-iterations=1000", "--key-file=-")  # fmt: skip
    subprocess.run((*words, str(device)), input=b"another box", check=True)
    with pytest.raises(ForeignDevice, match="another one"):
        again(box, tools).mount(KEY)


def test_a_damaged_header_comes_back_from_its_copy(made, box, tools, device):
    with device.open("r+b") as stream:
        stream.write(bytes(16 << 20))
    with pytest.raises(HeaderDamaged) as caught:
        again(box, tools).mount(KEY)
    assert "restore-header" in caught.value.way_out
    again(box, tools).restore_header()
    assert opens(device, KEY)


@pytest.mark.slow
def test_the_copy_of_another_disk_is_never_written(made, box, tools, device):
    other = box.luks_header.with_name("other")
    words = ("cryptsetup", "luksFormat", "--batch-mode", "--pbkdf=pbkdf2",
             "--pbkdf-force-iterations=1000", "--key-file=-")  # fmt: skip
    other.write_bytes(bytes(32 << 20))
    subprocess.run((*words, str(other)), input=b"another box", check=True)
    box.luks_header.write_bytes(other.read_bytes()[: 16 << 20])
    with pytest.raises(ForeignDevice):
        again(box, tools).restore_header()
    assert opens(device, KEY)


def test_keys_change_without_a_moment_in_which_none_opens(made, box, tools, device):
    one = again(box, tools)
    one.rekey(KEY, OTHER)
    one.rekey(KEY, OTHER)
    assert opens(device, KEY)
    assert opens(device, OTHER)
    one.forget(KEY)
    one.forget(KEY)
    assert opens(device, OTHER)
    assert not opens(device, KEY)
    assert opens(box.luks_header, OTHER)
    assert not opens(box.luks_header, KEY)


def test_an_erased_device_opens_with_nothing(made, box, tools, device):
    again(box, tools).erase()
    assert not opens(device, KEY)
    assert not box.luks_header.exists()
    again(box, tools).prepare(OTHER)
    assert opens(device, OTHER)


def test_a_grown_device_is_used_whole_while_it_serves(made, box, tools):
    tools.kernel.clear()
    again(box, tools).grow(KEY)
    assert next(argv[:2] for argv in tools.kernel) == ("cryptsetup", "resize")
    assert tools.kernel[1][0] == "resize2fs"


def test_a_volume_in_use_says_who_must_let_go(made, box, tools, monkeypatch):
    monkeypatch.setattr(luks, "_BUSY_S", 0.0)
    monkeypatch.setattr(luks, "is_mounted", lambda place: True)
    tools.failing["umount"] = (32, "target is busy")
    with pytest.raises(MountFailed, match="busy"):
        again(box, tools).unmount()
    assert ("cryptsetup", "close", "--deferred") in [argv[:3] for argv in tools.kernel]


@pytest.mark.parametrize(
    ("support", "word"),
    [
        (LuksSupport(aes=False, mapper=True, root=True), "AES"),
        (LuksSupport(aes=True, mapper=False, root=True), "device-mapper"),
        (LuksSupport(aes=True, mapper=True, root=False), "root"),
        (LuksSupport(True, True, True, ("cryptsetup", "mke2fs")), "cryptsetup-bin e2fsprogs"),
    ],
)
def test_what_the_machine_lacks_is_told_with_its_remedy(box, device, tools, support, word):
    with pytest.raises(VaultUnsupported) as caught:
        volume(box, luks_record(device, "", ""), tools, support=lambda: support).check()
    assert word in caught.value.sentence_en + caught.value.way_out
