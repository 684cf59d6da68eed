"""Data sheets of accelerators made in China: what their makers published, and what they did not."""

from typing import Final

from models.hardware.sheet import CardSheet

_ASCEND = "Huawei publishes no throughput for single chips; CANN documents, papers and benchmarks"
_ATLAS = "Huawei Atlas 300I product pages"
_PRESS = "makers' presentations and benchmark reports; no public data sheet"
_ALL: Final = ("bandwidth_gb_s", "bf16", "fp16", "int8", "link_gb_s")

# Memory is what the maker's own tool shows.
DOMESTIC: Final[tuple[CardSheet, ...]] = (
    CardSheet(
        "Ascend-910B1", "ascend", 65_536, 1600, 414.0, 414.0, 828.0, 0.0, 196, "HCCS",
        ("910B1",), _ALL, _ASCEND,
    ),
    CardSheet(
        "Ascend-910B2", "ascend", 65_536, 1600, 376.0, 376.0, 752.0, 0.0, 196, "HCCS",
        ("910B2",), _ALL, _ASCEND,
    ),
    CardSheet(
        "Ascend-910B3", "ascend", 65_536, 1600, 313.0, 313.0, 626.0, 0.0, 196, "HCCS",
        ("910B3",), _ALL, _ASCEND,
    ),
    CardSheet(
        "Ascend-910B4", "ascend", 32_768, 800, 280.0, 280.0, 560.0, 0.0, 32, "PCIe 4",
        ("910B4",), _ALL, _ASCEND,
    ),
    CardSheet(
        "Ascend-910B", "ascend", 65_536, 1600, 313.0, 313.0, 626.0, 0.0, 196, "HCCS",
        ("910B",), _ALL, _ASCEND + "; taken as the 910B3",
    ),
    # Two dies in one package; npu-smi shows each as a chip with half of everything.
    CardSheet(
        "Ascend-910C", "ascend", 131_072, 3200, 752.0, 752.0, 1504.0, 0.0, 392, "HCCS",
        ("910C", "910_93", "Ascend910"), _ALL, _ASCEND, chips=2,
    ),
    CardSheet(
        "Ascend-910A", "ascend", 32_768, 1200, 0.0, 256.0, 512.0, 0.0, 90, "HCCS",
        ("910A", "910ProB", "910"), ("bandwidth_gb_s", "link_gb_s"), _ASCEND,
    ),
    CardSheet(
        "Ascend-310P-Duo", "ascend", 88_560, 408, 0.0, 140.0, 280.0, 0.0, 16, "PCIe 4 x16",
        ("310P Duo", "310P3-Duo"), (), _ATLAS, chips=2,
    ),
    CardSheet(
        "Ascend-310P", "ascend", 21_527, 204.8, 0.0, 70.0, 140.0, 0.0, 16, "PCIe 4 x16",
        ("310P3", "310P"), (), _ATLAS,
    ),
    CardSheet(
        "K100-AI", "hygon", 65_520, 896, 196.0, 196.0, 392.0, 0.0, 32, "PCIe 4",
        ("K100_AI", "K100 AI", "K100-AI"), ("link_gb_s",), "Hygon DCU product sheets",
    ),
    CardSheet(
        "K100", "hygon", 65_520, 896, 100.0, 100.0, 200.0, 0.0, 32, "PCIe 4",
        ("K100",), _ALL, _PRESS,
    ),
    CardSheet(
        "Z100", "hygon", 32_752, 1024, 0.0, 24.5, 49.0, 0.0, 32, "PCIe 4",
        ("Z100",), _ALL, _PRESS,
    ),
    CardSheet(
        "MLU370-X8", "cambricon", 49_152, 614.4, 96.0, 96.0, 256.0, 0.0, 100, "MLU-Link",
        ("MLU370-X8",), (), "Cambricon MLU370-X8 product page",
    ),
    CardSheet(
        "MLU370-X4", "cambricon", 24_576, 307.2, 96.0, 96.0, 256.0, 0.0, 32, "PCIe 4",
        ("MLU370",), (), "Cambricon MLU370-X4 product page",
    ),
    CardSheet(
        "MLU590", "cambricon", 81_920, 2000, 314.0, 314.0, 628.0, 0.0, 159, "MLU-Link",
        ("MLU590",), _ALL, _PRESS,
    ),
    CardSheet(
        "MTT-S4000", "mthreads", 49_152, 768, 100.0, 100.0, 200.0, 0.0, 120, "MTLink",
        ("MTT S4000",), (), "Moore Threads MTT S4000 product page",
    ),
    CardSheet(
        "C500", "metax", 65_536, 1800, 240.0, 240.0, 480.0, 0.0, 56, "MetaXLink",
        ("MXC500", "C500"), _ALL, _PRESS,
    ),
    # Two chips on one card; ixsmi shows each with half of the memory.
    CardSheet(
        "BI-V150", "iluvatar", 65_536, 1800, 192.0, 192.0, 384.0, 0.0, 64, "card link",
        ("BI-V150",), _ALL, _PRESS, chips=2,
    ),
    CardSheet(
        "P800", "kunlun", 98_304, 1600, 345.0, 345.0, 690.0, 0.0, 100, "XPU-Link",
        ("P800",), _ALL, _PRESS,
    ),
)  # fmt: skip
"""Every such card that is known; a longer name stands before one that it contains."""
