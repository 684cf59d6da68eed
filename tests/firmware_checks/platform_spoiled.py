"""Machines spoiled in one place beyond TPM and kernel: a table for each check."""

import hashlib

from tests.firmware_checks.gpu_evidence import SOUND, other, report, value
from tests.firmware_checks.measured_machine import IMA, aggregate
from tests.firmware_checks.platform_changes import (
    EVENT_LOG,
    FLASH,
    GUEST,
    ILL,
    LAN_FILE,
    NOT_GOLDEN,
    OPEN,
    REPORT,
    SECURITY,
    SYSCTL,
    SYSCTLS,
    drop,
    flags,
    guest,
    many,
    put,
    told,
    torn,
    var,
    versions,
)
from tests.firmware_checks.platform_machine import (
    BASELINE,
    LAN,
    OLD,
    SHIM,
    TABLES,
    dmar,
    golden,
    hashes,
    luks,
)
from tests.firmware_checks.seeds import ima_binary

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
OTHERWISE = {
    "confidential.guest": guest,
}
"""What makes a check pass that says nothing about the sound machine."""
