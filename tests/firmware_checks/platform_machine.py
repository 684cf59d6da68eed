"""The parts of a sound machine beyond TPM and kernel: flash, buses, controllers, baseline, cards."""

import hashlib
import json
import struct

from firmware_checks.eventlog.events import TYPE_NAMES
from firmware_checks.golden import Golden, GoldenEvent, Versions, canonical
from tests.firmware_checks.gpu_evidence import SOUND as SOUND_GPU
from tests.firmware_checks.logs import agile_event, boot_events, expected, spec_id

SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
NEWEST = "a0de9333442c1bf9349a460141ae5e80f911955c6506040fa3d021bf6c1ae3e4"
OLD = "c805603c4fa038776e42f263c604b49d96840322e1922d5606a9b0bbb5bffe6f"
BASELINE = "etc/wardbox/firmware-baselines/server1.json"
TABLES = "sys/firmware/acpi/tables"
HSI = {
    "Spi.Bioswe": "not-enabled",
    "Spi.Ble": "enabled",
    "Spi.SmmBwp": "locked",
    "Spi.Descriptor": "locked",
    "Mei.ManufacturingMode": "locked",
    "Mei.OverrideStrap": "locked",
    "Mei.Version": "valid",
    "IntelBootguard.Enabled": "enabled",
    "IntelBootguard.Otp": "valid",
    "IntelDci.Enabled": "not-enabled",
    "PlatformDebugLocked": "locked",
    "Bios.RollbackProtection": "enabled",
    "Uefi.BootserviceVars": "locked",
}
MC_INFO = """\
Device ID                 : 32
Firmware Revision         : 1.74
Manufacturer ID           : 10876
Product ID                : 2404 (0x0964)
"""
LAN = """\
Auth Type Enable        : Callback : MD5 PASSWORD
                        : Admin    : MD5 PASSWORD
IP Address              : 10.9.8.7
RMCP+ Cipher Suites     : 0,1,2,3,17
Cipher Suite Priv Max   : XXXXaXXXXXXXXXX
"""
LUKS = {
    "keyslots": {"0": {}},
    "tokens": {"0": {"type": "systemd-tpm2", "keyslots": ["0"], "tpm2-pcrs": [7]}},
}
NPU = """\
| NPU   Name        | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| 0     910B3       | OK            | 93.2        45                0    / 0             |
| 0                 | 0000:C1:00.0  | 0           0    / 0          3389 / 65536         |
"""
HY = json.dumps({"card0": {"Card Series": "K100_AI", "Temperature (Sensor edge) (C)": "41.0"}})
CNMON = "Card 0\n    Product Name      : MLU370-X8\n    Temperature\n      Board : 35 C\n"
MTHREADS = """\
0    MTT S4000            |00000000:18:00.0    |0%    0MiB(49152MiB)
     Physical      P0     |16x(16x)            |48C   YES
"""
METAX = """\
| 0       MetaX C500             Off | 0000:01:00.0        | 0%            Native |
| 37C     29W / 225W              P0 | 666/65536 MiB       | Available            |
"""
CARDS = {
    "npu-smi": ("0000:c1:00.0", "0x19e5", "0x120000", NPU),
    "hy-smi": ("0000:c2:00.0", "0x1d94", "0x038000", HY),
    "cnmon": ("0000:c3:00.0", "0xcabc", "0x120000", CNMON),
    "mthreads-gmi": ("0000:c4:00.0", "0x1ed5", "0x030200", MTHREADS),
    "mx-smi": ("0000:c5:00.0", "0x9999", "0x030000", METAX),
}
VERSIONS = {
    "bios": Versions({"Server 1": "2.0"}, {"Server 1": ("9.9",)}),
    "bmc": Versions({"10876:2404": "1.70"}, {}),
    "nic": Versions({"0x15b3:0x1021": "28.39.1002"}, {}),
    "nvme": Versions({"SAMSUNG MZQL21T9": "GDC7402Q"}, {}),
    "gpu-vbios": Versions({"NVIDIA H100 80GB HBM3": "96.00.74.00.01"}, {}),
    "gpu-driver": Versions({"nvidia": "550.54.15"}, {"nvidia": ("550.90.99",)}),
    "microcode": Versions({"EPYC": "0xa0011d0"}, {}),
}


def hashes(*digests):
    """An EFI_SIGNATURE_LIST of these SHA-256 digests."""
    body = b"".join(bytes(16) + bytes.fromhex(digest) for digest in digests)
    return bytes(16) + struct.pack("<III", 28 + len(body), 0, 48) + body


def program_log(app=b"shim 15.8", banks=(0x0004, 0x000B)):
    """The boot of logs.boot_log, in which what it starts is a program of the firmware's."""
    log = spec_id(banks)
    for pcr, kind, data in boot_events(app):
        log += agile_event(pcr, 0x80000003 if data == app else kind, data, banks)
    return log


def golden(app=b"shim 15.8", **changes):
    """The baseline of the sound machine."""
    values = expected(0x000B, app=app)
    golden_pcrs = (0, 2, 4, 7)
    fields = {
        "vendor": "Maker",
        "product": "Server 1",
        "bank": "SHA256",
        "registers": {pcr: values[pcr] for pcr in golden_pcrs},
        "events": tuple(
            GoldenEvent(
                pcr,
                TYPE_NAMES[0x80000003 if data == app else kind],
                hashlib.sha256(data).hexdigest(),
                "words",
            )
            for pcr, kind, data in boot_events(app)
            if pcr in golden_pcrs
        ),
        "by_events": frozenset({2, 4}),
        "versions": VERSIONS,
        "revoked_since": "2025-09-02",
    }
    return canonical(Golden(**{**fields, **changes}))


def hsi(machine, *, missing=(), bad=(), absent=()):
    rows = [
        {
            "AppstreamId": f"org.fwupd.hsi.{name}",
            "HsiLevel": 1,
            "HsiResult": result,
            "Flags": (["success"] if name not in bad else [])
            if name not in missing
            else ["missing-data"],
        }
        for name, result in HSI.items()
        if name not in absent
    ]
    machine.put("capture/fwupd-security.json", json.dumps({"SecurityAttributes": rows}))


def dmar(flags):
    return b"DMAR" + bytes(33) + bytes([flags]) + bytes(10)


def luks(machine, **tokens):
    machine.put("capture/luks-nvme0n1p3.json", json.dumps({**LUKS, "tokens": tokens}))


def add_platform(machine):
    """Puts everything that this module is about into a machine."""
    _keys(machine)
    _buses(machine)
    _devices(machine)
    hsi(machine)
    machine.put(BASELINE, golden())
    machine.put("capture/luks-nvme0n1p3.json", json.dumps(LUKS))
    for name in ("kexec_load_disabled", "unprivileged_bpf_disabled", "kptr_restrict"):
        machine.put(f"proc/sys/kernel/{name}", "1\n")
    machine.put("proc/sys/kernel/dmesg_restrict", "1\n")
    machine.put("proc/sys/kernel/yama/ptrace_scope", "1\n")
    for tool, (address, vendor, kind, text) in CARDS.items():
        machine.pci(address, vendor, kind)
        machine.put(f"capture/{tool}.txt", text)
    for path, content in SOUND_GPU.files().items():
        machine.put(path, content)


def _keys(machine):
    machine.variable("AuditMode", b"\0")
    machine.variable("KEK", hashes(NEWEST) + b"CN=Sound KEK")
    machine.variable("db", hashes(NEWEST) + b"CN=Sound db", "d719b2cb-3d3a-4596-a3bc-dad00e67656f")
    machine.variable("dbx", hashes(NEWEST, OLD), "d719b2cb-3d3a-4596-a3bc-dad00e67656f")
    machine.variable("SbatLevelRT", b"sbat,1,2024010900\nshim,4\ngrub,3\n\0", SHIM)


def _buses(machine):
    machine.put(f"{TABLES}/DMAR", dmar(0x05))
    machine.put("sys/bus/thunderbolt/devices/domain0/security", "user\n")
    machine.put("sys/bus/usb/devices/usb1/authorized_default", "0\n")
    machine.put("sys/bus/usb/devices/usb2/authorized_default", "2\n")
    machine.put("sys/class/hwmon/hwmon0/intrusion0_alarm", "0\n")
    machine.put("sys/class/hwmon/hwmon1/temp1_input", "41000\n")


def _devices(machine):
    machine.put("sys/firmware/dmi/entries/38-0/type", "38\n")
    machine.put("capture/ipmitool-mc-info.txt", MC_INFO)
    machine.put("capture/ipmitool-lan-print.txt", LAN)
    machine.put("sys/class/nvme/nvme0/model", "SAMSUNG MZQL21T9\n")
    machine.put("sys/class/nvme/nvme0/firmware_rev", "GDC7502Q\n")
    machine.put("sys/class/net/lo/mtu", "65536\n")
    machine.put("sys/class/net/eth0/device/vendor", "0x15b3\n")
    machine.put("sys/class/net/eth0/device/device", "0x1021\n")
    machine.put("capture/nic-firmware.json", json.dumps({"eth0": "28.39.3004 (MT_0000000838)"}))
