"""Facts about flash, management engines, controllers, buses, disks and other accelerators."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_checks.reading import Reading


@dataclass(frozen=True, slots=True)
class HsiAttribute:
    """One attribute of fwupd's Host Security ID.

    Attributes:
        result: fwupd's word for what it found ("locked", "not-enabled"); may be empty.
        success: Whether fwupd counts it as good.
        missing: Whether fwupd itself lacked the data.
    """

    result: str
    success: bool
    missing: bool


@dataclass(frozen=True, slots=True)
class DmaFacts:
    """Who may reach memory before and beside the kernel.

    Attributes:
        preboot: Whether the firmware keeps devices out of memory before the kernel runs, from the
            ACPI tables DMAR (Intel) or IVRS (AMD).
        domains: Thunderbolt domains and their security level ("none", "user", "secure", ...).
    """

    preboot: Reading[bool]
    domains: Reading[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class HardeningFacts:
    """Switches below /proc/sys/kernel; `ptrace_scope` is Yama's."""

    kexec_disabled: Reading[int]
    bpf_disabled: Reading[int]
    kptr_restrict: Reading[int]
    dmesg_restrict: Reading[int]
    ptrace_scope: Reading[int]


@dataclass(frozen=True, slots=True)
class Device:
    """One device with firmware of its own: its place, its model, its firmware's version."""

    place: str
    model: str
    version: Reading[str]


@dataclass(frozen=True, slots=True)
class BmcFacts:
    """The board's management controller.

    Attributes:
        present: Whether the machine has one.
        controller: It and its firmware, from `ipmitool mc info`.
        lan: Fields of `ipmitool lan print`, lower-case names, the last value of each.
    """

    present: Reading[bool]
    controller: Reading[Device]
    lan: Reading[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class UsbFacts:
    """USB controllers and what they do with a device that is plugged in ("0", "1" or "2")."""

    authorized_default: Reading[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ChassisFacts:
    """Switches that tell of an opened case: place -> 1 when it was opened since the last reset."""

    alarms: Reading[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Volume:
    """One LUKS2 volume below a mounted file system.

    Attributes:
        device: Its device file.
        sealed_to: PCRs its TPM tokens name, of all tokens; None when it has no TPM token.
    """

    device: str
    sealed_to: Reading[tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Card:
    """One accelerator of another maker than NVIDIA, as its tool tells it.

    Attributes:
        place: Number or bus address.
        name: Product name.
        health: The tool's own word; empty where it has none.
        celsius: Temperature, None where it is not told.
        errors: Uncorrectable memory errors, None where they are not told.
    """

    place: str
    name: str
    health: str
    celsius: float | None
    errors: int | None


@dataclass(frozen=True, slots=True)
class MakerFacts:
    """What is known of one maker's accelerators: addresses on the bus, and the tool's answer."""

    on_bus: Reading[tuple[str, ...]]
    cards: Reading[tuple[Card, ...]]
