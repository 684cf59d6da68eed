"""Machines that hide one fact beyond TPM and kernel: a table for each check."""

from tests.firmware_checks.gpu_evidence import SOUND, manifest, other, report, value
from tests.firmware_checks.measured_machine import IMA
from tests.firmware_checks.platform_changes import (
    EFIVARS,
    EVENT_LOG,
    FLAGS,
    FLASH,
    GLOBAL,
    GUEST,
    LAN_FILE,
    MANIFESTS,
    OPEN,
    REPORT,
    SECURITY,
    SYSCTL,
    SYSCTLS,
    TOOLS,
    drop,
    flags,
    many,
    put,
    told,
    var,
    versions,
    without_baseline,
)
from tests.firmware_checks.platform_machine import (
    BASELINE,
    SHIM,
    TABLES,
    golden,
    program_log,
)

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
        drop("sys/class/net/eth0/device/vendor"),
        drop("sys/class/net"),
        lambda m: m.empty("sys/class/net"),
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
