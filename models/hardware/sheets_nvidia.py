"""Data sheets of NVIDIA cards."""

from typing import Final

from models.hardware.sheet import CardSheet

_H = "NVIDIA H100 and H200 Tensor Core GPU data sheets"
_A = "NVIDIA A100 Tensor Core GPU data sheet"
_ADA = "NVIDIA Ada GPU architecture white paper and product data sheets"
_BW = "NVIDIA RTX Blackwell GPU architecture white paper"
_H20 = "distributors' sheets for the Chinese market; NVIDIA has no public data sheet"
_ALL: Final = ("bandwidth_gb_s", "bf16", "fp16", "int8", "fp8", "link_gb_s")

# Memory is what nvidia-smi shows. H100 and H200 bandwidth was also measured with device copies.
NVIDIA: Final[tuple[CardSheet, ...]] = (
    CardSheet(
        "H200", "nvidia", 143_771, 4800, 989.4, 989.4, 1978.9, 1978.9, 450, "NVLink 4",
        ("H200",), (), _H, measured_gb_s=4300,
    ),
    CardSheet(
        "H100-PCIe", "nvidia", 81_559, 2039, 756.0, 756.0, 1513.0, 1513.0, 64, "PCIe 5",
        ("H100 PCIe",), (), _H,
    ),
    CardSheet(
        "H100-SXM", "nvidia", 81_559, 3350, 989.4, 989.4, 1978.9, 1978.9, 450, "NVLink 4",
        ("H100",), (), _H, measured_gb_s=3000,
    ),
    CardSheet(
        "H800-SXM", "nvidia", 81_559, 3350, 989.4, 989.4, 1978.9, 1978.9, 200, "NVLink 4, cut",
        ("H800",), _ALL, _H20, measured_gb_s=3000,
    ),
    CardSheet(
        "H20-141G", "nvidia", 143_771, 4800, 148.0, 148.0, 296.0, 296.0, 450, "NVLink 4",
        ("H20-3e", "H20-141", "H20 141"), _ALL, _H20,
    ),
    CardSheet(
        "H20-96G", "nvidia", 97_871, 4000, 148.0, 148.0, 296.0, 296.0, 450, "NVLink 4",
        ("H20",), _ALL, _H20,
    ),
    CardSheet(
        "A100-80G", "nvidia", 81_920, 2039, 312.0, 312.0, 624.0, 0.0, 300, "NVLink 3",
        ("A100-SXM4-80GB", "A100 80GB", "A100-80"), (), _A,
    ),
    CardSheet(
        "A100-40G", "nvidia", 40_960, 1555, 312.0, 312.0, 624.0, 0.0, 300, "NVLink 3",
        ("A100",), (), _A,
    ),
    CardSheet(
        "A800-80G", "nvidia", 81_920, 2039, 312.0, 312.0, 624.0, 0.0, 200, "NVLink 3, cut",
        ("A800",), ("link_gb_s",), _A,
    ),
    CardSheet(
        "L40S", "nvidia", 46_068, 864, 362.1, 362.1, 733.0, 733.0, 32, "PCIe 4",
        ("L40S",), (), _ADA,
    ),
    CardSheet(
        "L40", "nvidia", 46_068, 864, 181.1, 181.1, 362.0, 362.0, 32, "PCIe 4",
        ("L40",), (), _ADA,
    ),
    CardSheet(
        "L20", "nvidia", 46_068, 864, 119.5, 119.5, 239.0, 239.0, 32, "PCIe 4",
        ("L20",), _ALL, _H20,
    ),
    CardSheet(
        "L4", "nvidia", 23_034, 300, 121.0, 121.0, 242.5, 242.5, 32, "PCIe 4",
        ("L4",), (), _ADA,
    ),
    CardSheet(
        "A10", "nvidia", 23_028, 600, 125.0, 125.0, 250.0, 0.0, 32, "PCIe 4",
        ("A10",), (), "NVIDIA A10 data sheet",
    ),
    CardSheet(
        "T4", "nvidia", 15_360, 320, 0.0, 65.0, 130.0, 0.0, 16, "PCIe 3",
        ("T4",), (), "NVIDIA T4 data sheet",
    ),
    CardSheet(
        "RTX-4090", "nvidia", 24_564, 1008, 165.2, 165.2, 660.6, 330.3, 32, "PCIe 4",
        ("RTX 4090",), (), _ADA,
    ),
    CardSheet(
        "RTX-3090", "nvidia", 24_576, 936, 71.0, 71.0, 284.0, 0.0, 32, "PCIe 4",
        ("RTX 3090",), (), "NVIDIA Ampere GA102 architecture white paper",
    ),
    CardSheet(
        "RTX-5090", "nvidia", 32_607, 1792, 209.5, 209.5, 838.0, 419.0, 64, "PCIe 5",
        ("RTX 5090",), (), _BW,
    ),
    CardSheet(
        "RTX-PRO-6000", "nvidia", 97_887, 1792, 503.8, 503.8, 1007.6, 1007.6, 64, "PCIe 5",
        ("RTX PRO 6000",), ("bf16", "fp16", "int8", "fp8"), _BW,
    ),
)  # fmt: skip
"""Every NVIDIA card that is known; a longer name stands before one that it contains."""
