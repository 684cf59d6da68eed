"""What is known about one machine: frozen facts, where "could not read" is a value of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_checks.attestation.evidence import GpuEvidence
from firmware_checks.eventlog.document import ReplayedLog
from firmware_checks.eventlog.programs import Program
from firmware_checks.golden import Golden
from firmware_checks.measured_facts import ConfidentialFacts, ImaFacts, QuoteFacts
from firmware_checks.platform_facts import (
    BmcFacts,
    ChassisFacts,
    Device,
    DmaFacts,
    HardeningFacts,
    HsiAttribute,
    MakerFacts,
    UsbFacts,
    Volume,
)
from firmware_checks.reading import Reading, Reason, Unread

__all__ = ["Reading", "Reason", "Unread"]
"""Told here too: whoever speaks of facts speaks of those that could not be read."""


@dataclass(frozen=True, slots=True)
class TpmFacts:
    """The TPMs the kernel knows; `banks` of the first: bank -> PCR -> lower-case hexadecimal."""

    devices: tuple[str, ...]
    version: Reading[str]
    banks: Reading[Mapping[str, Mapping[int, str]]]


@dataclass(frozen=True, slots=True)
class SecureBootFacts:
    """UEFI Secure Boot variables, without their four attribute bytes; `efi` False means legacy.

    Attributes:
        efi: Whether the machine started through UEFI.
        enabled: SecureBoot.
        setup_mode: SetupMode.
        audit_mode: AuditMode; ABSENT on firmware older than UEFI 2.5.
        platform_key: PK.
        exchange_keys: KEK.
        allowed: db.
        revoked: dbx.
        shim_level: shim's own revocations (SbatLevelRT); ABSENT where shim has not started.
    """

    efi: bool
    enabled: Reading[int]
    setup_mode: Reading[int]
    audit_mode: Reading[int]
    platform_key: Reading[bytes]
    exchange_keys: Reading[bytes]
    allowed: Reading[bytes]
    revoked: Reading[bytes]
    shim_level: Reading[str]


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """The state of the running kernel.

    Attributes:
        command_line: Parameters in order, quotes resolved, up to a lone "--".
        lockdown: "none", "integrity" or "confidentiality".
        taint: The bit field of /proc/sys/kernel/tainted.
        module_signatures: Whether unsigned modules are refused (parameter sig_enforce).
        modules_disabled: Whether loading was switched off until the next boot.
    """

    command_line: Reading[tuple[str, ...]]
    lockdown: Reading[str]
    taint: Reading[int]
    module_signatures: Reading[bool]
    modules_disabled: Reading[bool]


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """The processors as the kernel sees them; `microcodes` holds every revision that was seen."""

    model: str
    flags: frozenset[str]
    microcodes: frozenset[str]

    @property
    def virtual(self) -> bool:
        """Whether the kernel runs under a hypervisor."""
        return "hypervisor" in self.flags


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """Memory encryption as told by kernel parameters and guest devices."""

    snp_host: Reading[bool]
    tdx_host: Reading[bool]
    guest_devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IommuFacts:
    """IOMMU units, and the domain type of each group ("DMA", "DMA-FQ", "identity", ...)."""

    units: tuple[str, ...]
    domains: Reading[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class DmiFacts:
    """Maker, product and firmware of the machine; `bios_date` as written, MM/DD/YYYY."""

    vendor: Reading[str]
    product: Reading[str]
    bios_vendor: Reading[str]
    bios_version: Reading[str]
    bios_date: Reading[str]


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system that can hold data; `encrypted` tells of all disks below it."""

    target: str
    filesystem: str
    source: str
    encrypted: Reading[bool]


@dataclass(frozen=True, slots=True)
class Swap:
    """One active swap area; `encrypted` is True for RAM-backed (zram) and encrypted ones."""

    name: str
    encrypted: Reading[bool]


@dataclass(frozen=True, slots=True)
class CoreDumpFacts:
    """Where a crashing program's memory goes."""

    pattern: Reading[str]
    suid_dumpable: Reading[int]
    systemd_storage: Reading[str]
    first_process_limit: Reading[str]


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """Seconds since 1970: the system clock and the hardware clock."""

    now: Reading[float]
    hardware: Reading[int]


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """One NVIDIA GPU as NVML tells it; counts are of events, pages, rows and lanes.

    `exhausted_banks` have no spare row left, `slowed` is NVML's bit field of clock event reasons,
    temperatures are in degrees Celsius.
    """

    name: str
    uuid: Reading[str]
    vbios: Reading[str]
    ecc_on: Reading[bool]
    ecc_uncorrected: Reading[int]
    retired_pages: Reading[int]
    retirement_pending: Reading[bool]
    remap_pending: Reading[bool]
    remap_failed: Reading[bool]
    exhausted_banks: Reading[int]
    slowed: Reading[int]
    celsius: Reading[int]
    celsius_limit: Reading[int]
    lanes: Reading[int]
    lanes_possible: Reading[int]


@dataclass(frozen=True, slots=True)
class GpuBoxFacts:
    """All NVIDIA GPUs of the machine.

    Attributes:
        on_bus: PCI addresses of NVIDIA GPUs, whether or not a driver runs.
        driver: Version of the driver, from NVML.
        gpus: What NVML tells of each; empty is a fact only together with an empty `on_bus`.
        confidential_capable: Whether the GPUs can do confidential computing.
        confidential_on: Whether it is switched on.
    """

    on_bus: Reading[tuple[str, ...]]
    driver: Reading[str]
    gpus: Reading[tuple[GpuFacts, ...]]
    confidential_capable: Reading[bool]
    confidential_on: Reading[bool]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks judge; each group is unread as a whole when its probe was cut off."""

    tpm: Reading[TpmFacts]
    event_log: Reading[ReplayedLog]
    secure_boot: Reading[SecureBootFacts]
    kernel: Reading[KernelFacts]
    cpu: Reading[CpuFacts]
    vulnerabilities: Reading[Mapping[str, str]]
    memory: Reading[MemoryFacts]
    iommu: Reading[IommuFacts]
    dmi: Reading[DmiFacts]
    mounts: Reading[tuple[Mount, ...]]
    swaps: Reading[tuple[Swap, ...]]
    core_dumps: Reading[CoreDumpFacts]
    clock: Reading[ClockFacts]
    gpu: Reading[GpuBoxFacts]
    gpu_evidence: Reading[GpuEvidence]
    hsi: Reading[Mapping[str, HsiAttribute]]
    dma: Reading[DmaFacts]
    hardening: Reading[HardeningFacts]
    bmc: Reading[BmcFacts]
    nvme: Reading[tuple[Device, ...]]
    nics: Reading[tuple[Device, ...]]
    usb: Reading[UsbFacts]
    chassis: Reading[ChassisFacts]
    luks: Reading[tuple[Volume, ...]]
    accelerators: Reading[Mapping[str, MakerFacts]]
    golden: Reading[Golden]
    ima: Reading[ImaFacts]
    quote: Reading[QuoteFacts]
    confidential: Reading[ConfidentialFacts]
    programs: Reading[Mapping[str, Program]]


def programs_of(facts: Facts) -> Mapping[str, Program]:
    """The EFI programs of the machine by their digests; none where they could not be read."""
    return {} if isinstance(facts.programs, Unread) else facts.programs
