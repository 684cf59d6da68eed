"""Changes to a machine beyond TPM and kernel, and the tables of names that they go by."""

import json

from tests.firmware_checks.measured_machine import ima_list
from tests.firmware_checks.platform_machine import (
    BASELINE,
    golden,
    hsi,
)

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
