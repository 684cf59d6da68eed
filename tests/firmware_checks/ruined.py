"""A bad server: neglected and tampered with, as many ways at once as go together."""

from firmware_checks.golden import Versions
from tests.firmware_checks import platform_machine
from tests.firmware_checks.machine import GPU
from tests.firmware_checks.platform_machine import HSI, hsi
from tests.firmware_checks.spoiled import FAILURES


def ruined(machine):
    """A bad server: neglected and tampered with, as many ways at once as go together."""
    for check_id in RUIN:
        FAILURES[check_id][0](machine)
    hsi(machine, bad=tuple(HSI))
    machine.put(platform_machine.BASELINE, platform_machine.golden(versions=NEWER))
    machine.nvml(driver="550.40", confidential_on=False, gpus=[{**GPU, **SICK}])
    return machine


SICK = {
    "ecc_on": False,
    "remap_failed": True,
    "exhausted_banks": 2,
    "slowed": 0x40,
    "celsius": 91,
    "lanes": 4,
}
NEWER = {
    kind: Versions(
        dict.fromkeys(told.floors, "ff.99.99.99.99" if kind == "gpu-vbios" else "99999"), {}
    )
    for kind, told in platform_machine.VERSIONS.items()
}
"""Floors that nothing reaches; a shape that cannot be compared tells nothing."""
# Those left out replace a file that another of them spoils, or take away what another is about.
RUIN = tuple(
    check_id
    for check_id in FAILURES
    if check_id
    not in {
        "baseline.present",
        "baseline.registers",
        "confidential.guest",
        "cpu.aes",
        "cpu.guards",
        "cpu.microcode",
        "cpu.vulnerabilities",
        "disk.sealed",
        "firmware.identified",
        "gpu.attested",
        "gpu.confidential",
        "ima.measures",
        "memory.encryption",
        "tpm.present",
        "tpm.strong-bank",
    }
)
