"""Builds the tree of a sound machine, which tests then spoil in one place."""

import json
import os
import shutil
import struct
import tempfile
from functools import cache
from pathlib import Path

from tests.firmware_checks.logs import expected
from tests.firmware_checks.measured_machine import vouched
from tests.firmware_checks.platform_machine import add_platform, program_log

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
EFIVARS = "sys/firmware/efi/efivars"
FLAWS = "sys/devices/system/cpu/vulnerabilities"
EVENT_LOG = "sys/kernel/security/tpm0/binary_bios_measurements"
NOW = 1_795_296_000
GPU = {
    "name": "NVIDIA H100 80GB HBM3",
    "uuid": "GPU-0",
    "vbios": "96.00.74.00.01",
    "ecc_on": True,
    "ecc_uncorrected": 0,
    "retired_pages": {"unread": "unsupported"},
    "retirement_pending": {"unread": "unsupported"},
    "remap_pending": False,
    "remap_failed": False,
    "exhausted_banks": 0,
    "slowed": 1,
    "celsius": 41,
    "celsius_limit": 87,
    "lanes": 16,
    "lanes_possible": 16,
}
MOUNT = "27 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw\n"
BOOT_MOUNT = "28 27 259:1 / /boot rw - ext4 /dev/nvme0n1p2 rw\n"
SWAP_HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


class Machine:
    """A captured machine below one folder."""

    def __init__(self, root):
        self.root = root
        self._touched = []

    def _touch(self, path):
        """Remembers what will be other: the path, or the highest folder that is made for it."""
        new = [parent for parent in Path(path).parents if not (self.root / parent).exists()]
        self._touched.append(new[-1] if new else Path(path))

    def restore(self):
        """Makes the machine sound again after whatever was done through these methods."""
        for path in reversed(self._touched):
            where, first = self.root / path, Path(_first().name) / path
            if where.is_dir():
                shutil.rmtree(where)
            else:
                where.unlink(missing_ok=True)
            if first.is_dir():
                shutil.copytree(first, where, symlinks=True, copy_function=_linked)
            elif first.exists():
                _linked(first, where)
        self._touched.clear()

    def put(self, path, content):
        self._touch(path)
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        # The files of a machine are links to those of the first one: never write through one.
        where.unlink(missing_ok=True)
        if isinstance(content, bytes):
            where.write_bytes(content)
        else:
            where.write_text(content, encoding="utf-8")

    def drop(self, path):
        self._touch(path)
        where = self.root / path
        if where.is_dir():
            shutil.rmtree(where)
        else:
            where.unlink()

    def empty(self, path):
        self.drop(path)
        (self.root / path).mkdir(parents=True)

    def variable(self, name, value, owner=GLOBAL):
        self.put(f"{EFIVARS}/{name}-{owner}", b"\x06\0\0\0" + value)

    def gpu(self, **changes):
        self.nvml(gpus=[{**GPU, **changes}])

    def nvml(self, **changes):
        answer = {
            "driver": "550.54.15",
            "confidential_capable": True,
            "confidential_on": True,
            "gpus": [GPU],
        }
        self.put("capture/nvml.json", json.dumps({**answer, **changes}))

    def pci(self, address, vendor, kind):
        self.put(f"sys/bus/pci/devices/{address}/vendor", vendor + "\n")
        self.put(f"sys/bus/pci/devices/{address}/class", kind + "\n")

    def block(self, name, *, uuid="", slaves=(), dm_name="", partition=False):
        self._touch(f"sys/class/block/{name}")
        folder = self.root / "sys/class/block" / name
        folder.mkdir(parents=True, exist_ok=True)
        if uuid:
            self.put(f"sys/class/block/{name}/dm/uuid", uuid + "\n")
            self.put(f"sys/class/block/{name}/dm/name", dm_name + "\n")
        if partition:
            self.put(f"sys/class/block/{name}/partition", "1\n")
            return
        (folder / "slaves").mkdir(exist_ok=True)
        for slave in slaves:
            (folder / "slaves" / slave).mkdir()


def signatures(count):
    """An EFI_SIGNATURE_LIST of SHA-256 hashes."""
    return bytes(16) + struct.pack("<III", 28 + 48 * count, 0, 48) + bytes(48 * count)


@cache
def _first():
    """The first sound machine, of which others are copies by links; its folder ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="sound-")
    machine = Machine(Path(folder.name))
    _boot(machine)
    _kernel(machine)
    _hardware(machine)
    _disks(machine)
    add_platform(machine)
    vouched(machine)
    return folder


def sound(root):
    """A machine on which every check passes."""
    shutil.copytree(_first().name, root, symlinks=True, copy_function=_linked, dirs_exist_ok=True)
    return Machine(root)


def _linked(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _boot(machine):
    machine.put("sys/class/tpm/tpm0/tpm_version_major", "2\n")
    for bank, number in (("sha1", 0x0004), ("sha256", 0x000B)):
        values = expected(number)
        for pcr in range(24):
            value = values.get(pcr, "0" * (40 if bank == "sha1" else 64))
            machine.put(f"sys/class/tpm/tpm0/pcr-{bank}/{pcr}", value.upper() + "\n")
    machine.put(EVENT_LOG, program_log())
    machine.variable("SecureBoot", b"\1")
    machine.variable("SetupMode", b"\0")
    machine.variable("PK", signatures(1) + b"CN=Sound Hospital Server Maker")


def _kernel(machine):
    machine.put(
        "proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/mapper/root ro quiet lockdown=integrity\n"
    )
    machine.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    machine.put("sys/kernel/security/lsm", "lockdown,capability\n")
    machine.put("proc/sys/kernel/tainted", "4097\n")
    machine.put("sys/module/module/parameters/sig_enforce", "Y\n")
    machine.put("proc/sys/kernel/modules_disabled", "0\n")
    machine.put("proc/sys/kernel/core_pattern", "|/bin/false\n")
    machine.put("proc/sys/fs/suid_dumpable", "0\n")
    machine.put("proc/1/limits", "Max core file size        0                    0        bytes\n")
    machine.put(f"{FLAWS}/meltdown", "Not affected\n")
    machine.put(f"{FLAWS}/spectre_v1", "Mitigation: usercopy/swapgs barriers\n")


def _hardware(machine):
    processor = "model name\t: EPYC\nmicrocode\t: 0xa0011d5\nflags\t\t: fpu lm nx aes sme sev sev_snp smep smap\n\n"
    machine.put("proc/cpuinfo", processor * 2)
    machine.put("sys/module/kvm_amd/parameters/sev_snp", "Y\n")
    (machine.root / "sys/class/iommu/ivhd0").mkdir(parents=True)
    for group in range(3):
        machine.put(f"sys/kernel/iommu_groups/{group}/type", "DMA-FQ\n")
    dmi = {
        "sys_vendor": "Maker",
        "product_name": "Server 1",
        "bios_vendor": "Maker",
        "bios_version": "2.1",
        "bios_date": "03/04/2026",
    }
    for name, value in dmi.items():
        machine.put(f"sys/class/dmi/id/{name}", value + "\n")
    machine.put("capture/clock", f"{NOW}\n")
    machine.put("sys/class/rtc/rtc0/since_epoch", f"{NOW + 1}\n")
    machine.pci("0000:00:00.0", "0x8086", "0x060000")
    machine.pci("0000:41:00.0", "0x10de", "0x030200")
    machine.nvml()


def _disks(machine):
    machine.put("proc/self/mountinfo", MOUNT + BOOT_MOUNT)
    machine.block("dm-0", uuid="CRYPT-LUKS2-00-root", dm_name="root", slaves=("nvme0n1p3",))
    machine.block("nvme0n1p2", partition=True)
    machine.block("nvme0n1p3", partition=True)
    (machine.root / "sys/dev/block").mkdir(parents=True)
    (machine.root / "sys/dev/block/253:0").symlink_to("../../class/block/dm-0")
    machine.put("proc/swaps", SWAP_HEAD)
