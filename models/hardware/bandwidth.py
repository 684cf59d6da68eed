"""Memory bandwidth by product name, for cards whose tools do not tell it."""

from typing import Final

_TERA: Final = 1_000_000_000_000
_GIGA: Final = 1_000_000_000

# Bytes a second. H100 and H200 as measured with device copies, the rest as their vendors publish
# them. The first name found in the product name counts, so longer names stand first.
_KNOWN: Final[tuple[tuple[str, int], ...]] = (
    ("H200", 43 * _TERA // 10),
    ("H100 PCIe", 2 * _TERA),
    ("H100", 3 * _TERA),
    ("H800", 3 * _TERA),
    ("H20", 4 * _TERA),
    ("A100-SXM4-80GB", 2 * _TERA),
    ("A100", 1555 * _GIGA),
    ("A800", 2 * _TERA),
    ("L40S", 864 * _GIGA),
    ("L40", 864 * _GIGA),
    ("L20", 864 * _GIGA),
    ("L4", 300 * _GIGA),
    ("A10", 600 * _GIGA),
    ("T4", 320 * _GIGA),
    ("RTX 4090", 1008 * _GIGA),
    ("RTX 3090", 936 * _GIGA),
    ("910B", 1600 * _GIGA),
    ("910", 1200 * _GIGA),
    ("310P", 204 * _GIGA),
    ("Z100", 1024 * _GIGA),
    ("K100", 896 * _GIGA),
    ("MLU590", 2 * _TERA),
    ("MLU370", 614 * _GIGA),
    ("MTT S4000", 768 * _GIGA),
    ("C500", 1800 * _GIGA),
)


def known_bandwidth(name: str) -> int | None:
    """Bandwidth in bytes a second of a product, or None when it is not known."""
    return next((value for part, value in _KNOWN if part.lower() in name.lower()), None)
