"""What a data sheet says about an accelerator: memory, bandwidth, matrix throughput, interconnect."""

from dataclasses import dataclass

TERA = 1_000_000_000_000
GIGA = 1_000_000_000
MEBI = 1 << 20


@dataclass(frozen=True, slots=True)
class CardSheet:
    """One product, as its maker (or, where `uncertain`, somebody else) describes it.

    Throughputs are those of dense matrices, in tera-operations a second; 0 means that the card
    has no such units. Sparse figures of brochures are halved.

    Attributes:
        key: Name by which people ask for it, for example "H20-96G".
        vendor: Vendor as in `Accelerator`.
        memory_mib: Memory that its tool shows, in MiB; of all chips of the card together.
        bandwidth_gb_s: Memory bandwidth in GB/s (1e9), published.
        bf16: Of bfloat16 with float32 sums.
        fp16: Of float16.
        int8: Of 8-bit integers.
        fp8: Of 8-bit floats.
        link_gb_s: What one card sends to the others in one direction, in GB/s.
        link: Name of that interconnect.
        product: Parts of product names by which its tool is recognised, longer ones first.
        uncertain: Fields that the maker has not published: from distributors, papers or reports.
        source: Where the figures come from.
        chips: Devices that the tool shows for one card.
        measured_gb_s: Bandwidth measured with device copies, 0 where nobody measured.
    """

    key: str
    vendor: str
    memory_mib: int
    bandwidth_gb_s: float
    bf16: float
    fp16: float
    int8: float
    fp8: float
    link_gb_s: float
    link: str
    product: tuple[str, ...]
    uncertain: tuple[str, ...]
    source: str
    chips: int = 1
    measured_gb_s: float = 0.0

    @property
    def memory_bytes(self) -> int:
        """Memory in bytes."""
        return self.memory_mib * MEBI

    @property
    def bandwidth_bytes_s(self) -> float:
        """Published memory bandwidth in bytes a second."""
        return self.bandwidth_gb_s * GIGA

    @property
    def link_bytes_s(self) -> float:
        """One direction of the interconnect in bytes a second."""
        return self.link_gb_s * GIGA

    def flops(self, kind: str) -> float:
        """Operations a second for "bf16", "fp16", "int8" or "fp8"; 0 where the card has none."""
        known = {"bf16": self.bf16, "fp16": self.fp16, "int8": self.int8, "fp8": self.fp8}
        return known.get(kind, 0.0) * TERA
