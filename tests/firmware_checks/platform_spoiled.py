"""Machines spoiled in one place beyond TPM and kernel, and machines that hide one fact."""

import hashlib
import json

from tests.firmware_checks.gpu_evidence import SOUND, manifest, other, report, value
from tests.firmware_checks.measured_machine import IMA, aggregate, ima_list
from tests.firmware_checks.platform_machine import (
    BASELINE,
    HSI,
    LAN,
    OLD,
    SHIM,
    TABLES,
    dmar,
    golden,
    hashes,
    hsi,
    luks,
    program_log,
)
from tests.firmware_checks.seeds import ima_binary

EFIVARS = "sys/firmware/efi/efivars"
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
EVENT_LOG = "sys/kernel/security/tpm0/binary_bios_measurements"
REPORT = "capture/gpu-attestation/0.report"
MANIFESTS = "etc/wardbox/gpu-manifests"
FLAGS = "proc/cpuinfo"
LAN_FILE = "capture/ipmitool-lan-print.txt"
SYSCTL = "proc/sys/kernel"


def torn():
    """A list with a file that was written while it was measured: its template digest is zeros."""
    data = ima_list((b"/usr/bin/torn", b"\3" * 32))
    at = data.index(b"ima-ng", data.index(b"/usr/bin/true")) - 24
    return data[:at] + bytes(20) + data[at + 20 :]


def put(path, content):
    return lambda machine: machine.put(path, content)


def drop(*paths):
    return lambda machine: [machine.drop(path) for path in paths]


def var(name, value, owner=GLOBAL):
    return lambda machine: machine.variable(name, value, owner)


def told(**changes):
    return lambda machine: hsi(machine, **changes)


def versions(**floors):
    """A baseline with other floors: kind -> (model, floor)."""

    def change(machine):
        found = json.loads(golden())
        for kind, (model, floor) in floors.items():
            found["versions"][kind.replace("_", "-")]["floors"][model] = floor
        machine.put(BASELINE, canonical_text(found))

    return change


def canonical_text(document):
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"


def flags(*names, add=()):
    text = f"model name\t: EPYC\nmicrocode\t: 0xa0011d5\nflags\t: {' '.join((*names, *add))}\n"
    return put(FLAGS, text)


PLAIN = ("fpu", "lm", "nx", "aes", "smep", "smap")
GUEST = (*PLAIN, "hypervisor")
NOT_GOLDEN = put(BASELINE, golden(registers={0: "ab" * 32, 2: "ab" * 32}))


def guest(machine):
    flags(*GUEST)(machine)
    machine.put("dev/sev-guest", "")


def many(*changes):
    return lambda machine: [change(machine) for change in changes]


def without_baseline(machine):
    machine.drop("etc/wardbox/firmware-baselines")


FLASH = {
    "flash.write-protected": ("Spi.Bioswe", "Spi.Ble"),
    "flash.management-only": ("Spi.SmmBwp",),
    "flash.descriptor-locked": ("Spi.Descriptor",),
    "engine.production": ("Mei.ManufacturingMode", "Mei.OverrideStrap"),
    "engine.version": ("Mei.Version",),
    "firmware.verified-start": ("IntelBootguard.Enabled", "IntelBootguard.Otp"),
    "debug.locked": ("IntelDci.Enabled", "PlatformDebugLocked"),
    "firmware.rollback": ("Bios.RollbackProtection",),
    "firmware.variables-closed": ("Uefi.BootserviceVars",),
}
SYSCTLS = {
    "kernel.unprivileged-bpf": "unprivileged_bpf_disabled",
    "kernel.pointers-hidden": "kptr_restrict",
    "kernel.messages-closed": "dmesg_restrict",
    "kernel.tracing-limited": "yama/ptrace_scope",
}
OPEN = put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
ILL = {
    "accelerator.ascend": put("capture/npu-smi.txt", "| 0  910B3 | Alarm | 93.2  45  0 / 0 |\n"),
    "accelerator.hygon": put(
        "capture/hy-smi.txt", '{"card0": {"Temperature (Sensor junction) (C)": "97.0"}}'
    ),
    "accelerator.cambricon": put("capture/cnmon.txt", "Card 0\n Board : 99 C\n"),
    "accelerator.mthreads": lambda m: m.pci("0000:d4:00.0", "0x1ed5", "0x030200"),
    "accelerator.metax": put(
        "capture/mx-smi.txt",
        "| 0 MetaX C500 Off | 0000:01:00.0 | 0% Native |\n"
        "| 37C 29W / 225W P0 | 666/65536 MiB | Not Available |\n",
    ),
}
TOOLS = {
    "accelerator.ascend": "npu-smi",
    "accelerator.hygon": "hy-smi",
    "accelerator.cambricon": "cnmon",
    "accelerator.mthreads": "mthreads-gmi",
    "accelerator.metax": "mx-smi",
}

FAILURES = {
    **{name: [told(bad=(part,)) for part in parts] for name, parts in FLASH.items()},
    **{name: [put(f"{SYSCTL}/{path}", "0\n")] for name, path in SYSCTLS.items()},
    **{name: [change] for name, change in ILL.items()},
    "tpm.every-bank-used": [
        put("sys/class/tpm/tpm0/pcr-sha1/3", "0" * 40),
        lambda m: m.empty("sys/class/tpm"),
    ],
    "baseline.present": [put(BASELINE, golden(registers={})), put(BASELINE, golden(versions={}))],
    "baseline.registers": [
        put(BASELINE, golden(app=b"shim 15.7")),
        NOT_GOLDEN,
        many(NOT_GOLDEN, drop(EVENT_LOG)),
        many(put(BASELINE, golden(app=b"shim 15.7", by_events=frozenset())), drop(EVENT_LOG)),
    ],
    "secure-boot.setup-closed": [var("SetupMode", b"\1"), var("AuditMode", b"\1")],
    "secure-boot.test-keys": [
        var("KEK", b"CN=DO NOT TRUST - AMI Test KEK"),
        var("db", "DO NOT SHIP".encode("utf-16-le"), SECURITY),
        var("db", b"", SECURITY),
    ],
    "secure-boot.revocations-new": [
        var("dbx", hashes(OLD), SECURITY),
        var("dbx", b"", SECURITY),
    ],
    "secure-boot.shim-level": [var("SbatLevelRT", b"sbat,1,2023012900\nshim,2\n", SHIM)],
    "secure-boot.programs-not-revoked": [
        var("dbx", hashes(hashlib.sha256(b"shim 15.8").hexdigest()), SECURITY),
    ],
    "firmware.bios-floor": [
        versions(bios=("Server 1", "2.10")),
        put("sys/class/dmi/id/bios_version", "9.9\n"),
    ],
    "bmc.firmware-floor": [versions(bmc=("10876:2404", "1.75"))],
    "nic.firmware-floor": [versions(nic=("0x15b3:0x1021", "28.40.0"))],
    "nvme.firmware-floor": [versions(nvme=("SAMSUNG MZQL21T9", "GDC7602Q"))],
    "gpu.vbios-floor": [versions(gpu_vbios=("NVIDIA H100 80GB HBM3", "96.00.74.00.1A"))],
    "gpu.driver-floor": [lambda m: m.nvml(driver="550.40"), lambda m: m.nvml(driver="550.90.99")],
    "cpu.microcode-floor": [versions(microcode=("EPYC", "0xa0011d6"))],
    "dma.preboot": [put(f"{TABLES}/DMAR", dmar(0x01))],
    "thunderbolt.closed": [put("sys/bus/thunderbolt/devices/domain0/security", "none\n")],
    "usb.closed": [put("sys/bus/usb/devices/usb2/authorized_default", "1\n")],
    "chassis.closed": [put("sys/class/hwmon/hwmon0/intrusion0_alarm", "1\n")],
    "bmc.not-exposed": [
        put(LAN_FILE, LAN.replace("10.9.8.7", "8.8.8.8")),
        put(LAN_FILE, LAN.replace("XXXXa", "aXXXa")),
        put(LAN_FILE, LAN.replace("Admin    : MD5", "Admin    : NONE MD5")),
    ],
    "confidential.host": [put("sys/module/kvm_amd/parameters/sev_snp", "N\n")],
    "confidential.guest": [flags(*GUEST), flags(*GUEST, add=("tdx_guest",))],
    "ima.measures": [
        put(IMA, ima_binary((b"boot_aggregate", aggregate()))),
        put(IMA, torn()),
    ],
    "kernel.kexec": [many(OPEN, put(f"{SYSCTL}/kexec_load_disabled", "0\n"))],
    "cpu.guards": [flags("lm", "nx", "smep")],
    "disk.sealed": [
        luks,
        lambda m: luks(m, one={"type": "systemd-tpm2", "tpm2-pcrs": [0]}),
        lambda m: m.block("dm-0", uuid="LVM-abc", dm_name="root"),
    ],
    "gpu.spare-rows": [lambda m: m.gpu(exhausted_banks=1)],
    "gpu.not-slowed": [lambda m: m.gpu(slowed=0x40), lambda m: m.gpu(slowed=0x8)],
    "gpu.temperature": [lambda m: m.gpu(celsius=85)],
    "gpu.link": [lambda m: m.gpu(lanes=8)],
    "gpu.attested": [
        put(REPORT, report(SOUND, values=(value(0), value(9)))),
        put(REPORT, report(other())),
        put(REPORT, report(SOUND)[:-1] + b"\0"),
        put("capture/gpu-attestation/0.pem", other().pem),
    ],
}
NO_FWUPD = [
    drop("capture/fwupd-security.json"),
    put("capture/fwupd-security.json", "[" * 20_000),
    put("capture/fwupd-security.json", '{"SecurityAttributes": [{"Flags": 3}]}'),
]
UNREAD = {"unread": "GPU is lost"}
NO_BASELINE = [
    without_baseline,
    put(BASELINE, golden()[:-1]),
    put(BASELINE, golden(product="Other")),
]
HIDDEN = {
    **{
        name: [*NO_FWUPD, told(missing=parts[:1]), told(absent=parts)]
        for name, parts in FLASH.items()
    },
    **{name: [drop(f"{SYSCTL}/{path}")] for name, path in SYSCTLS.items()},
    **{
        name: [
            drop(f"capture/{tool}.txt"),
            put(f"capture/{tool}.txt", "no such device\n"),
            drop("sys/bus/pci"),
        ]
        for name, tool in TOOLS.items()
    },
    "tpm.every-bank-used": [drop("sys/class/tpm"), drop("sys/class/tpm/tpm0/pcr-sha256/6")],
    "baseline.present": [*NO_BASELINE, put("etc/wardbox/firmware-baselines/b.json", golden())],
    "baseline.registers": [
        *NO_BASELINE,
        drop("sys/class/tpm"),
        put(BASELINE, golden(registers={})),
        put(BASELINE, golden(bank="SHA384")),
    ],
    "secure-boot.setup-closed": [
        drop(f"{EFIVARS}/SetupMode-{GLOBAL}"),
        drop(f"{EFIVARS}/AuditMode-{GLOBAL}"),
        drop("sys/firmware"),
    ],
    "secure-boot.test-keys": [
        drop(f"{EFIVARS}/KEK-{GLOBAL}"),
        drop(f"{EFIVARS}/db-{SECURITY}"),
        drop("sys/firmware"),
    ],
    "secure-boot.revocations-new": [
        drop(f"{EFIVARS}/dbx-{SECURITY}"),
        drop(FLAGS),
        put(FLAGS, "Features: asimd aes\n"),
        put(BASELINE, golden(revoked_since="2030-01-01")),
    ],
    "secure-boot.shim-level": [
        drop(f"{EFIVARS}/SbatLevelRT-{SHIM}"),
        var("SbatLevelRT", b"garbage", SHIM),
        var("SbatLevelRT", b"sbat,1,9999999999\n", SHIM),
        var("SbatLevelRT", b"", SHIM),
    ],
    "secure-boot.programs-not-revoked": [
        drop(EVENT_LOG),
        drop(f"{EFIVARS}/dbx-{SECURITY}"),
        put(EVENT_LOG, program_log(banks=(0x0004,))),
    ],
    "firmware.bios-floor": [
        *NO_BASELINE,
        drop("sys/class/dmi/id/bios_version"),
        versions(bios=("Server 1", "A2.1")),
        put(BASELINE, golden(versions={})),
    ],
    "bmc.firmware-floor": [
        *NO_BASELINE,
        drop("capture/ipmitool-mc-info.txt"),
        put("capture/ipmitool-mc-info.txt", "Device ID : 32\n"),
        drop("sys/firmware/dmi", "capture/ipmitool-mc-info.txt"),
    ],
    "nic.firmware-floor": [
        *NO_BASELINE,
        drop("capture/nic-firmware.json"),
        put("sys/class/net/eth1/device/vendor", "0x8086\n"),
        drop("sys/class/net/eth0/device/device"),
    ],
    "nvme.firmware-floor": [
        *NO_BASELINE,
        drop("sys/class/nvme/nvme0/firmware_rev"),
        put("sys/class/nvme/nvme1/model", "Other\n"),
    ],
    "gpu.vbios-floor": [*NO_BASELINE, lambda m: m.gpu(vbios=UNREAD), drop("capture/nvml.json")],
    "gpu.driver-floor": [*NO_BASELINE, drop("capture/nvml.json")],
    "cpu.microcode-floor": [
        *NO_BASELINE,
        flags(*GUEST),
        put(FLAGS, "model name: EPYC\nflags: lm\n"),
        put(FLAGS, "model name: Other\nmicrocode: 0x1\nflags: lm\n"),
    ],
    "dma.preboot": [
        many(drop(f"{TABLES}/DMAR"), drop("capture/fwupd-security.json")),
        put(f"{TABLES}/DMAR", b"SSDT" + bytes(50)),
    ],
    "thunderbolt.closed": [
        drop("sys/bus"),
        drop("sys/bus/thunderbolt/devices/domain0/security"),
    ],
    "usb.closed": [drop("sys/bus"), drop("sys/bus/usb/devices/usb1/authorized_default")],
    "chassis.closed": [
        drop("sys/class/hwmon"),
        lambda m: m.empty("sys/class/hwmon"),
        put("sys/class/hwmon/hwmon0/intrusion0_alarm", "maybe\n"),
    ],
    "bmc.not-exposed": [
        drop(LAN_FILE),
        put(LAN_FILE, "Set in Progress : Set Complete\n"),
        put(LAN_FILE, "IP Address : 10.1.1.1\n"),
        drop("sys/firmware/dmi", LAN_FILE),
    ],
    "confidential.host": [drop(FLAGS), drop("sys/module/kvm_amd")],
    "confidential.guest": [drop(FLAGS)],
    "ima.measures": [drop(IMA), put(IMA, b"garbage")],
    "kernel.kexec": [many(OPEN, drop(f"{SYSCTL}/kexec_load_disabled"))],
    "cpu.guards": [drop(FLAGS), put(FLAGS, "Features: asimd aes\n")],
    "disk.sealed": [
        drop("capture/luks-nvme0n1p3.json"),
        put("capture/luks-nvme0n1p3.json", "[]"),
        drop("sys/class/block"),
    ],
    "gpu.spare-rows": [lambda m: m.gpu(exhausted_banks=UNREAD), drop("capture/nvml.json")],
    "gpu.not-slowed": [lambda m: m.gpu(slowed=UNREAD), drop("capture/nvml.json")],
    "gpu.temperature": [
        lambda m: m.gpu(celsius=UNREAD),
        lambda m: m.gpu(celsius_limit=UNREAD),
        drop("capture/nvml.json"),
    ],
    "gpu.link": [lambda m: m.gpu(lanes=UNREAD), drop("capture/nvml.json")],
    "gpu.attested": [
        drop("capture/gpu-attestation"),
        put(REPORT, report(SOUND)[:200]),
        drop(f"{MANIFESTS}/driver.swidtag"),
        put(f"{MANIFESTS}/vbios.swidtag", manifest(other(), "96.00.74.00.01", {0: value(0)})),
        lambda m: m.nvml(confidential_on=UNREAD),
    ],
}
OTHERWISE = {
    "confidential.guest": guest,
}
"""What makes a check pass that says nothing about the sound machine."""

assert set(HSI) >= {part for parts in FLASH.values() for part in parts}
