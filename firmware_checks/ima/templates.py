"""IMA's measurements: one entry of the list, and the templates that its fields follow."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

# Documentation/security/IMA-templates.rst of Linux.
TEMPLATES: Final = MappingProxyType(
    {
        "ima": ("d", "n"),
        "ima-ng": ("d-ng", "n-ng"),
        "ima-ngv2": ("d-ngv2", "n-ng"),
        "ima-sig": ("d-ng", "n-ng", "sig"),
        "ima-sigv2": ("d-ngv2", "n-ng", "sig"),
        "ima-buf": ("d-ng", "n-ng", "buf"),
        "ima-modsig": ("d-ng", "n-ng", "sig", "d-modsig", "modsig"),
        "evm-sig": (
            "d-ng",
            "n-ng",
            "evmsig",
            "xattrnames",
            "xattrlengths",
            "xattrvalues",
            "iuid",
            "igid",
            "imode",
        ),
    },
)
DIGESTS: Final = frozenset({"d", "d-ng", "d-ngv2", "d-modsig"})
NAMES: Final = frozenset({"n", "n-ng"})
OLD_TEMPLATE: Final = "ima"
OLD_DIGEST: Final = 20
OLD_NAME: Final = 256
BOOT_AGGREGATE: Final = "boot_aggregate"


@dataclass(frozen=True, slots=True)
class ImaEntry:
    """One measurement.

    Attributes:
        number: Its place in the list, from 1.
        pcr: The register it went into, 10 as a rule.
        template_digest: What the list says the hash of the template data is.
        template: Name of the template.
        data: The template data as the kernel hashed it.
        algorithm: Of the file's digest, as the kernel names it ("sha256").
        digest: The file's digest in lower-case hexadecimal; empty where the template has none.
        name: The file's path, or what else was measured.
    """

    number: int
    pcr: int
    template_digest: bytes
    template: str
    data: bytes
    algorithm: str
    digest: str
    name: str

    @property
    def violation(self) -> bool:
        """Whether the file was written while it was measured: the kernel then lists zeros."""
        return not any(self.template_digest)

    @property
    def boot_aggregate(self) -> bool:
        """Whether it is the first entry: the hash over the firmware's registers."""
        return self.name == BOOT_AGGREGATE
