"""Finds the data sheet of a card, by the name people use or by the name that its tool prints."""

import re
from typing import Final

from models.hardware.sheet import CardSheet
from models.hardware.sheets_domestic import DOMESTIC
from models.hardware.sheets_nvidia import NVIDIA

SHEETS: Final[tuple[CardSheet, ...]] = (*NVIDIA, *DOMESTIC)
"""Every card that is known."""

# What people write for a card that has several versions: the common one is meant.
_SHORT: Final = {
    "h100": "H100-SXM",
    "h10080g": "H100-SXM",
    "h800": "H800-SXM",
    "h20": "H20-96G",
    "h203e": "H20-141G",
    "a100": "A100-80G",
    "a800": "A800-80G",
    "910b": "Ascend-910B",
    "910c": "Ascend-910C",
    "310p": "Ascend-310P",
    "atlas300iduo": "Ascend-310P-Duo",
    "4090": "RTX-4090",
    "5090": "RTX-5090",
    "s4000": "MTT-S4000",
    "mlu370": "MLU370-X8",
    "dcuk100ai": "K100-AI",
    "h200141g": "H200",
    "l40s48g": "L40S",
    "l2048g": "L20",
    "a1024g": "A10",
}


def sheet_named(name: str) -> CardSheet | None:
    """The card that a person means: "H20", "h20-96g", "Ascend 910B3", "RTX 4090"."""
    folded = _fold(name)
    for vendor in {sheet.vendor for sheet in SHEETS}:
        folded = folded.removeprefix(vendor)
    wanted = _fold(_SHORT.get(folded, folded))
    return next(
        (s for s in SHEETS if wanted in {_fold(s.key), _fold(s.key).removeprefix(s.vendor)}), None
    )


def sheet_of_product(product: str) -> CardSheet | None:
    """The card whose tool prints this product name; None when it is not known."""
    folded = product.lower()
    return next(
        (
            sheet
            for sheet in SHEETS
            for part in sheet.product
            if re.search(rf"(?<![a-z0-9]){re.escape(part.lower())}(?!\d)", folded)
        ),
        None,
    )


def known_bandwidth(product: str) -> int | None:
    """Bytes a second of one device with this product name, measured before published.

    A card of two chips is two devices to its tool, each with half of the bandwidth.
    """
    sheet = sheet_of_product(product)
    if sheet is None:
        return None
    return round((sheet.measured_gb_s or sheet.bandwidth_gb_s) * 1_000_000_000 / sheet.chips)


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
