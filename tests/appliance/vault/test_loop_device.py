"""A real block device of the kernel: what is found on it, when it is refused, its header, its growth."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.device import judge, look
from appliance.vault.errors import DeviceRefused
from appliance.vault.luks import LuksVolume
from appliance.vault.record import luks_record
from appliance.vault.tools import Tools
from models.engines.process import ProcessKeeper
from tests.appliance.vault.luks_disk import KEY, OTHER, opens, uuid_on

SIZE = 32 << 20


@pytest.fixture
def disk(tmp_path):
    """A loop device over a file of 32 MiB, and the file."""
    for program in ("losetup", "cryptsetup"):
        if shutil.which(program, path=f"/usr/sbin:{os.environ['PATH']}") is None:
            pytest.skip(f"{program} is not installed")
    file = tmp_path / "disk"
    with file.open("wb") as stream:
        stream.truncate(SIZE)
    made = subprocess.run(
        ("losetup", "--find", "--show", str(file)), capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"no loop device here: {made.stderr.strip()}")
    device = Path(made.stdout.strip())
    yield device, file
    subprocess.run(("losetup", "--detach", str(device)), check=True)


def test_a_blank_device_is_taken_and_what_has_something_on_it_is_not(disk):
    device, _ = disk
    facts = look(device)
    assert (facts.block, facts.size, facts.free, facts.blank) == (True, SIZE, True, True)
    judge(facts, erase=False, least=SIZE)
    with pytest.raises(DeviceRefused, match="are needed"):
        judge(facts, erase=True, least=SIZE + 1)
    subprocess.run(("mke2fs", "-q", "-t", "ext4", "-L", "photos", str(device)), check=True)
    with pytest.raises(DeviceRefused, match="photos"):
        judge(look(device), erase=False, least=SIZE)
    judge(look(device), erase=True, least=SIZE)


def test_a_device_in_use_is_never_taken(disk, tmp_path):
    device, _ = disk
    place = tmp_path / "mounted"
    place.mkdir()
    subprocess.run(("mke2fs", "-q", "-t", "ext4", str(device)), check=True)
    mounted = subprocess.run(("mount", str(device), str(place)), capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(DeviceRefused, match="in use"):
            judge(look(device), erase=True, least=SIZE)
    finally:
        subprocess.run(("umount", str(place)), check=True)


def test_its_header_is_written_rekeyed_copied_and_brought_back(disk, tmp_path):
    device, file = disk
    layout = StateLayout(tmp_path / "state")
    layout.root.mkdir()
    record = luks_record(device, "因为", "because")
    volume = LuksVolume(layout, record, Tools(ProcessKeeper()))
    volume.format(KEY)
    facts = look(device)
    assert (facts.signature.split()[0], facts.uuid) == ("crypto_LUKS", record.uuid)
    judge(facts, erase=False, ours=record.uuid, least=SIZE)
    with pytest.raises(DeviceRefused, match="crypto_LUKS"):
        judge(facts, erase=False, least=SIZE)
    volume.rekey(KEY, OTHER)
    volume.forget(KEY)
    assert opens(device, OTHER)
    assert not opens(device, KEY)
    with file.open("r+b") as stream:
        stream.write(bytes(1 << 20))
    subprocess.run(("blockdev", "--flushbufs", str(device)), check=True)
    assert not uuid_on(device)
    volume.restore_header()
    assert opens(device, OTHER)


def test_a_device_that_was_made_larger_is_seen_larger(disk):
    device, file = disk
    with file.open("r+b") as stream:
        stream.truncate(2 * SIZE)
    subprocess.run(("losetup", "--set-capacity", str(device)), check=True)
    assert look(device).size == 2 * SIZE
