"""What is known about one machine: frozen facts, where "could not read" is a value of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, Union

from firmware_checks.eventlog.document import ReplayedLog

T = TypeVar("T")


class Reason(StrEnum):
    """Why a fact could not be read."""

    ABSENT = "absent"
    DENIED = "denied"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    TIMED_OUT = "timed-out"
    UNSUPPORTED = "unsupported"
    OUTSIDE = "outside-root"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be read, and why.

    Attributes:
        reason: The kind of obstacle.
        source: What was asked: a path below the root, or a library.
        detail: More words in English, may be empty.
    """

    reason: Reason
    source: str
    detail: str = ""


# Spelled with Union: Python 3.11 cannot write `T | Unread` as a generic alias.
Reading = Union[T, Unread]  # noqa: UP007


@dataclass(frozen=True, slots=True)
class TpmFacts:
    """The TPMs the kernel knows; `banks` of the first: bank -> PCR -> lower-case hexadecimal."""

    devices: tuple[str, ...]
    version: Reading[str]
    banks: Reading[Mapping[str, Mapping[int, str]]]


@dataclass(frozen=True, slots=True)
class SecureBootFacts:
    """UEFI Secure Boot variables, without their four attribute bytes; `efi` False means legacy."""

    efi: bool
    enabled: Reading[int]
    setup_mode: Reading[int]
    platform_key: Reading[bytes]
    revoked: Reading[bytes]


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
    """One NVIDIA GPU as NVML tells it; counts are of events, pages and rows."""

    name: str
    uuid: Reading[str]
    vbios: Reading[str]
    ecc_on: Reading[bool]
    ecc_uncorrected: Reading[int]
    retired_pages: Reading[int]
    retirement_pending: Reading[bool]
    remap_pending: Reading[bool]
    remap_failed: Reading[bool]


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
