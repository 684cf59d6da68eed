"""Frozen facts about the machine that serves: processors, memory, accelerators."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

FEATURES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "aes": frozenset({"aes"}),
        "avx2": frozenset({"avx2"}),
        "fma": frozenset({"fma"}),
        "f16c": frozenset({"f16c"}),
        "avx512": frozenset({"avx512f"}),
        "vnni": frozenset({"avx512_vnni", "avx_vnni"}),
        "bf16": frozenset({"avx512_bf16", "amx_bf16", "bf16"}),
        "amx": frozenset({"amx_tile"}),
        "neon": frozenset({"asimd"}),
        "dotprod": frozenset({"asimddp"}),
        "i8mm": frozenset({"i8mm"}),
        "sve": frozenset({"sve"}),
    }
)
"""Features that engines use, by the flags with which the kernel names them (x86 and Arm)."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator card.

    Attributes:
        vendor: "nvidia", "ascend", "hygon", "cambricon", "mthreads", "metax", "iluvatar" or
            "kunlun".
        index: Number by which its tools and engines call it.
        name: Product name.
        memory_bytes: Memory in all.
        memory_free_bytes: Memory that nobody uses now.
        bandwidth_bytes_s: Memory bandwidth in bytes a second; None where unknown.
        uuid: Identity of the card, "" where unknown.
        driver: Driver version, "" where unknown.
        utilisation: Share of time busy, 0 to 1; None where unknown.
        temperature_c: Degrees Celsius; None where unknown.
        power_w: Watts drawn; None where unknown.
        ecc_errors: Uncorrected memory errors; None where unknown.
    """

    vendor: str
    index: int
    name: str
    memory_bytes: int
    memory_free_bytes: int
    bandwidth_bytes_s: int | None = None
    uuid: str = ""
    driver: str = ""
    utilisation: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    ecc_errors: int | None = None


@dataclass(frozen=True, slots=True)
class NumaNode:
    """Processors and memory that are near to each other.

    Attributes:
        index: Number of the node.
        cpus: Its logical processors.
        memory_bytes: Its memory in all; 0 where unknown.
        memory_free_bytes: Its memory that nobody uses; 0 where unknown.
    """

    index: int
    cpus: tuple[int, ...]
    memory_bytes: int
    memory_free_bytes: int


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """The processors.

    Attributes:
        model: Model name.
        logical: Logical processors this process may use.
        physical: Physical cores.
        flags: Instruction-set flags as the kernel names them.
        numa_nodes: Number of memory nodes.
        load: Processes wanting to run, averaged over a minute.
        sockets: Processor packages.
        nodes: The memory nodes themselves, by number.
    """

    model: str
    logical: int
    physical: int
    flags: frozenset[str]
    numa_nodes: int
    load: float
    sockets: int = 1
    nodes: tuple[NumaNode, ...] = ()

    @property
    def aes(self) -> bool:
        """Whether the processor encrypts AES by itself (x86 "aes", Arm "aes")."""
        return "aes" in self.flags

    @property
    def avx2(self) -> bool:
        """Whether 256-bit integer vectors are there, which portable engine builds need."""
        return "avx2" in self.flags

    @property
    def features(self) -> tuple[str, ...]:
        """What speeds models up on a processor: names of `FEATURES` that it has, in that order."""
        return tuple(name for name, flags in FEATURES.items() if flags & self.flags)

    @property
    def free_cores(self) -> int:
        """Cores that nobody uses, at least one.

        An engine with more threads than free cores spins at its barriers: four threads on a busy
        four-core machine gave 1 token/s where one gave 320.
        """
        return max(1, min(self.physical, self.logical - round(self.load)))


@dataclass(frozen=True, slots=True)
class HostMemory:
    """Memory of the machine, or of the control group it is confined to, in bytes."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A probe that found its tool or library and could not use it."""

    vendor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything placement and planning need to know."""

    cpu: CpuFacts
    memory: HostMemory
    accelerators: tuple[Accelerator, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
