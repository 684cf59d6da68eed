"""Accelerators of other makers than NVIDIA: which tool is asked, and who reads its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.hardware.facts import Accelerator, Unreadable
from models.hardware.records import parse_cnmon, parse_hy_smi, parse_ixsmi, parse_xpu_smi
from models.hardware.tables import parse_mthreads_gmi, parse_mx_smi, parse_npu_smi
from models.hardware.tools import ToolRunner

_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Vendor:
    """One maker: its tool and the parser of what the tool prints.

    Attributes:
        name: Short name.
        argv: The tool and its arguments.
        parse: Reads what it printed.
        instead: A tool that is asked where the first is not installed.
    """

    name: str
    argv: tuple[str, ...]
    parse: Callable[[str], tuple[Accelerator, ...]]
    instead: str = ""

    def read(self, runner: ToolRunner) -> tuple[Accelerator, ...] | Unreadable:
        """Asks the tool; no tool, no cards."""
        tool = self.argv[0]
        try:
            text = runner(self.argv)
            if text is None and self.instead:
                tool = self.instead
                text = runner((tool, *self.argv[1:]))
        except (OSError, TimeoutError) as error:
            return Unreadable(self.name, f"{tool}: {type(error).__name__}")
        if text is None:
            return ()
        try:
            return self.parse(text)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            told = "".join(c for c in str(error) if c.isprintable())
            return Unreadable(self.name, f"{tool}: {told}"[:_REASON])


_ROCM: Final = ("--showproductname", "--showmeminfo", "vram", "--showuse", "--json")
_QUERY: Final = "index,name,memory.total,memory.used,utilization.gpu,temperature.gpu"

VENDORS: Final[tuple[Vendor, ...]] = (
    Vendor("ascend", ("npu-smi", "info"), parse_npu_smi),
    Vendor("hygon", ("hy-smi", *_ROCM), parse_hy_smi, instead="rocm-smi"),
    Vendor("cambricon", ("cnmon", "info"), parse_cnmon),
    Vendor("mthreads", ("mthreads-gmi",), parse_mthreads_gmi),
    Vendor("metax", ("mx-smi",), parse_mx_smi),
    Vendor("iluvatar", ("ixsmi", f"--query-gpu={_QUERY}", "--format=csv,noheader"), parse_ixsmi),
    Vendor("kunlun", ("xpu-smi", "-m"), parse_xpu_smi),
)
"""Every maker that is read through a tool."""
