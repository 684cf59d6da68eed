"""Machines spoiled in one place, and machines that hide one fact: a table for each check."""

from tests.firmware_checks import measured_machine, platform_hidden, platform_spoiled
from tests.firmware_checks.logs import boot_log
from tests.firmware_checks.machine import (
    EFIVARS,
    EVENT_LOG,
    FLAWS,
    GLOBAL,
    GPU,
    MOUNT,
    SECURITY,
    SWAP_HEAD,
    signatures,
)

UNREAD = {"unread": "GPU is lost"}
LOST = {name: UNREAD for name in GPU if name != "name"}
PCR = "sys/class/tpm/tpm0/pcr-sha256"
SIG = "sys/module/module/parameters/sig_enforce"
LOCK = "sys/kernel/security/lockdown"


def put(path, content):
    return lambda machine: machine.put(path, content)


def drop(*paths):
    return lambda machine: [machine.drop(path) for path in paths]


def both(*changes):
    return lambda machine: [change(machine) for change in changes]


def cmdline(words):
    return put("proc/cmdline", words + "\n")


def swap_on(name, kind="partition", **block):
    def change(machine):
        machine.put("proc/swaps", f"{SWAP_HEAD}{name} {kind} 1 0 -2\n")
        if block:
            machine.block(name.rsplit("/", 1)[-1], **block)

    return change


def virtual(machine):
    machine.put("proc/cpuinfo", "microcode : 0x1\nflags : aes hypervisor\n")


FAILURES = {
    "tpm.present": [
        lambda m: m.empty("sys/class/tpm"),
        put("sys/class/tpm/tpm0/tpm_version_major", "1\n"),
    ],
    "tpm.strong-bank": [
        drop("sys/class/tpm/tpm0/pcr-sha256"),
        lambda m: [m.put(f"{PCR}/{pcr}", "0" * 64) for pcr in range(8)],
        lambda m: m.empty("sys/class/tpm"),
    ],
    "tpm.event-log": [
        put(f"{PCR}/4", "ab" * 32),
        put(EVENT_LOG, boot_log(app=b"evil shim")),
        put(EVENT_LOG, boot_log(locality=3)),
    ],
    "secure-boot.on": [
        lambda m: m.variable("SecureBoot", b"\0"),
        lambda m: m.variable("SetupMode", b"\1"),
        drop("sys/firmware/efi"),
    ],
    "secure-boot.platform-key": [
        lambda m: m.variable("PK", signatures(1) + b"CN=DO NOT TRUST - AMI Test PK"),
        lambda m: m.variable("PK", signatures(1) + "CN=Do Not Ship".encode("utf-16-be")),
        lambda m: m.variable("PK", b""),
    ],
    "secure-boot.revocations": [lambda m: m.variable("dbx", b"", SECURITY)],
    "kernel.lockdown": [put(LOCK, "[none] integrity confidentiality\n"), drop(LOCK)],
    "kernel.module-signatures": [both(put(SIG, "N\n"), put(LOCK, "[none] integrity\n"))],
    "kernel.taint": [
        put("proc/sys/kernel/tainted", f"{1 << bit}\n") for bit in (1, 4, 7, 8, 13, 25)
    ],
    "kernel.command-line": [
        cmdline(words)
        for words in (
            "quiet mitigations=off",
            "init=/bin/sh",
            'init="/bin/bash"',
            "rdinit=/bin/sh",
            "iommu=off",
            "intel-iommu=off",
            "amd_iommu=off",
            "single",
            "ro 1",
            "systemd.unit=rescue.target",
            "module.sig-enforce=0",
            "lockdown=none",
            "spectre_v2=off",
            "nopti",
            "nokaslr",
            "rd.break",
            "mitigations=auto mitigations=off",
            "systemd.debug-shell=1",
        )
    ],
    "core-dumps.off": [
        put("proc/sys/kernel/core_pattern", "|/usr/share/apport/apport %p\n"),
        put("proc/sys/fs/suid_dumpable", "1\n"),
        both(
            put("proc/sys/kernel/core_pattern", "core\n"),
            put("proc/1/limits", "Max core file size   0   unlimited   bytes\n"),
        ),
        both(
            put("proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n"),
            put("etc/systemd/coredump.conf", "[Coredump]\n#Storage=none\nStorage=external\n"),
        ),
    ],
    "cpu.vulnerabilities": [
        put(f"{FLAWS}/mds", "Vulnerable: Clear CPU buffers attempted, no microcode\n"),
        put(f"{FLAWS}/spectre_v2", "Mitigation: Enhanced IBRS; BHI: Vulnerable\n"),
        put(f"{FLAWS}/mds", "Mitigation: Clear CPU buffers; SMT vulnerable\n"),
        both(put(f"{FLAWS}/a", ""), put(f"{FLAWS}/b", "Vulnerable\n")),
    ],
    "cpu.microcode": [
        put("proc/cpuinfo", "microcode: 0x1a\nflags: aes\n\nmicrocode: 0x1b\nflags: aes\n"),
        put("proc/cpuinfo", "microcode: 0x0\nflags: aes\n"),
        put(f"{FLAWS}/old_microcode", "Vulnerable\n"),
    ],
    "cpu.aes": [put("proc/cpuinfo", "flags: aes\n\nflags: fpu\n")],
    "memory.encryption": [
        both(drop("sys/module/kvm_amd"), put("proc/cpuinfo", "flags: fpu aes\n")),
    ],
    "iommu.on": [
        lambda m: m.empty("sys/class/iommu"),
        lambda m: [m.put(f"sys/kernel/iommu_groups/{n}/type", "identity\n") for n in range(3)],
    ],
    "firmware.identified": [put("sys/class/dmi/id/bios_version", "To Be Filled By O.E.M.\n")],
    "clock.plausible": [
        put("capture/clock", "946684800\n"),
        put("capture/clock", "9e12\n"),
        put("capture/clock", "nan\n"),
        put("sys/class/rtc/rtc0/since_epoch", "1700000000\n"),
    ],
    "disk.encrypted": [
        lambda m: m.block("dm-0", uuid="LVM-abc", dm_name="root"),
        lambda m: m.block("dm-0", uuid="CRYPT-VERITY-abc", dm_name="root"),
    ],
    "swap.protected": [
        swap_on("/dev/sda2", partition=True),
        swap_on("/dev/dm-7", uuid="LVM-1", slaves=()),
        both(swap_on("/swapfile", "file"), lambda m: m.block("dm-0", uuid="LVM-1")),
    ],
    "gpu.driver": [
        lambda m: m.gpu(**LOST),
        lambda m: m.pci("0000:81:00.0", "0x10de", "0x030200"),
    ],
    "gpu.ecc": [
        lambda m: m.gpu(ecc_on=False),
        lambda m: m.gpu(ecc_uncorrected=2),
        lambda m: m.gpu(ecc_on={"unread": "unsupported"}),
        lambda m: m.nvml(gpus=[GPU, {**GPU, "ecc_on": False}]),
    ],
    "gpu.memory-health": [
        lambda m: m.gpu(remap_failed=True),
        lambda m: m.gpu(remap_pending=True),
        lambda m: m.gpu(retirement_pending=True),
        lambda m: m.gpu(retired_pages=64),
    ],
    "gpu.vbios": [lambda m: m.nvml(gpus=[GPU, {**GPU, "vbios": "other"}])],
    "gpu.confidential": [lambda m: m.nvml(confidential_on=False)],
}

NO_GPU_ANSWER = [
    drop("capture/nvml.json"),
    put("capture/nvml.json", "[" * 20_000),
    lambda m: m.nvml(gpus=[]),
    both(drop("capture/nvml.json", "sys/bus")),
]
NO_EFI = [drop("sys/firmware"), drop("sys/firmware/efi/efivars")]
HIDDEN = {
    "tpm.present": [drop("sys/class/tpm"), drop("sys/class/tpm/tpm0/tpm_version_major")],
    "tpm.strong-bank": [
        drop("sys/class/tpm"),
        drop("sys/class/tpm/tpm0/pcr-sha1", "sys/class/tpm/tpm0/pcr-sha256"),
        put(f"{PCR}/0", "xyz\n"),
    ],
    "tpm.event-log": [
        drop(EVENT_LOG),
        put(EVENT_LOG, boot_log()[:-3]),
        put(EVENT_LOG, b""),
        put(EVENT_LOG, boot_log((0x0004,))),
        drop(f"{PCR}/5"),
        drop("sys/class/tpm"),
    ],
    "secure-boot.on": [
        *NO_EFI,
        put(f"{EFIVARS}/SecureBoot-{GLOBAL}", b"\6\0"),
        drop(f"{EFIVARS}/SetupMode-{GLOBAL}"),
    ],
    "secure-boot.platform-key": NO_EFI,
    "secure-boot.revocations": [*NO_EFI, lambda m: m.variable("dbx", b"x" * 99, SECURITY)],
    "kernel.lockdown": [
        drop(LOCK, "sys/kernel/security/lsm"),
        put(LOCK, "[confused]\n"),
    ],
    "kernel.module-signatures": [both(drop(SIG), put(LOCK, "[none] integrity\n"))],
    "kernel.taint": [drop("proc/sys/kernel/tainted"), put("proc/sys/kernel/tainted", "none\n")],
    "kernel.command-line": [drop("proc/cmdline"), cmdline("")],
    "core-dumps.off": [
        drop("proc/sys/kernel/core_pattern"),
        drop("proc/sys/fs/suid_dumpable"),
        both(put("proc/sys/kernel/core_pattern", "core\n"), drop("proc/1/limits")),
    ],
    "cpu.vulnerabilities": [
        drop(FLAWS),
        lambda m: m.empty(FLAWS),
        put(f"{FLAWS}/mds", "Unknown: Dependent on hypervisor status\n"),
        put(f"{FLAWS}/mds", ""),
    ],
    "cpu.microcode": [drop("proc/cpuinfo"), virtual, put("proc/cpuinfo", "flags: aes\n")],
    "cpu.aes": [drop("proc/cpuinfo"), put("proc/cpuinfo", "processor: 0\n")],
    "memory.encryption": [
        drop("proc/cpuinfo"),
        drop("sys/module/kvm_amd"),
        both(drop("sys/module/kvm_amd"), virtual),
    ],
    "iommu.on": [drop("sys/class/iommu"), drop("sys/kernel/iommu_groups/1/type")],
    "firmware.identified": [drop("sys/class/dmi"), drop("sys/class/dmi/id/bios_date")],
    "clock.plausible": [
        drop("capture/clock"),
        put("capture/clock", "noon\n"),
        drop("sys/class/rtc"),
    ],
    "disk.encrypted": [
        drop("proc/self/mountinfo"),
        put("proc/self/mountinfo", "garbage\n"),
        put("proc/self/mountinfo", "27 1 0:30 / / rw - overlay overlay rw\n"),
        put("proc/self/mountinfo", "27 1 0:30 / / rw - zfs pool/root rw\n"),
        put("proc/self/mountinfo", MOUNT.replace("253:0", "8:1")),
        drop("sys/class/block/dm-0"),
    ],
    "swap.protected": [
        drop("proc/swaps"),
        put("proc/swaps", ""),
        put("proc/swaps", "/dev/sda2 partition 1 0 -2\n"),
        swap_on("/dev/sda2"),
        swap_on("/dev/loop0", slaves=()),
        both(swap_on("/swapfile", "file"), drop("proc/self/mountinfo")),
    ],
    "gpu.driver": [*NO_GPU_ANSWER, lambda m: m.nvml(driver=None)],
    "gpu.ecc": [*NO_GPU_ANSWER, lambda m: m.gpu(ecc_uncorrected=UNREAD)],
    "gpu.memory-health": [*NO_GPU_ANSWER, lambda m: m.gpu(remap_failed=UNREAD)],
    "gpu.vbios": [*NO_GPU_ANSWER, lambda m: m.gpu(vbios="")],
    "gpu.confidential": [
        *NO_GPU_ANSWER,
        lambda m: m.nvml(confidential_capable=UNREAD, confidential_on=UNREAD),
        lambda m: m.nvml(confidential_on="yes"),
    ],
}

FAILURES |= platform_spoiled.FAILURES | measured_machine.FAILURES
HIDDEN |= platform_hidden.HIDDEN | measured_machine.HIDDEN
OTHERWISE = platform_spoiled.OTHERWISE
