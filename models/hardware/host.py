"""Processors and memory, read from proc and sys under a given root."""

import os
from contextlib import suppress
from pathlib import Path

from models.hardware.facts import CpuFacts, HostMemory, NumaNode

_UNLIMITED = 1 << 60
_MOST_CPUS = 1 << 16


def read_cpu(root: Path = Path("/")) -> CpuFacts:
    """Reads `/proc/cpuinfo`, `/proc/loadavg`, the CPU quota of the control group and NUMA nodes.

    What cannot be read counts as one plain core.
    """
    blocks = _cpuinfo(_text(root / "proc/cpuinfo"))
    first = blocks[0] if blocks else {}
    flags = first.get("flags", first.get("Features", ""))
    cores = {
        (block.get("physical id", "0"), block.get("core id", str(number)))
        for number, block in enumerate(blocks)
    }
    logical = max(1, min(len(blocks) or 1, _usable(root), _quota(root)))
    nodes = _nodes(root / "sys/devices/system/node")
    packages = {block.get("physical id", "0") for block in blocks}
    return CpuFacts(
        model=first.get("model name", first.get("CPU implementer", "unknown")),
        logical=logical,
        physical=max(1, min(logical, len(cores))),
        flags=frozenset(flags.split()),
        numa_nodes=max(1, len(nodes)),
        load=_load(root),
        sockets=max(1, len(packages)),
        nodes=nodes,
    )


def read_memory(root: Path = Path("/")) -> HostMemory:
    """Reads `/proc/meminfo`, cut to the limit of the control group."""
    rows = dict(
        line.split(":", 1) for line in _text(root / "proc/meminfo").splitlines() if ":" in line
    )
    total = _kibibytes(rows.get("MemTotal", ""))
    available = _kibibytes(rows.get("MemAvailable", rows.get("MemFree", "")))
    limit = _number(_text(root / "sys/fs/cgroup/memory.max"), _UNLIMITED)
    used = _number(_text(root / "sys/fs/cgroup/memory.current"), 0)
    if limit < total:
        total, available = limit, min(available, max(0, limit - used))
    return HostMemory(total, available)


def _nodes(folder: Path) -> tuple[NumaNode, ...]:
    """The memory nodes; one that cannot be read has no processors and no memory."""
    found = []
    for path in folder.glob("node[0-9]*"):
        number = path.name.removeprefix("node")
        if not number.isdecimal() or not number.isascii():
            continue
        # Lines read "Node 0 MemTotal:  65536 kB".
        lines = (line.split(":", 1) for line in _text(path / "meminfo").splitlines() if ":" in line)
        rows = {name.split()[-1]: value for name, value in lines if name.split()}
        found.append(
            NumaNode(
                index=int(number),
                cpus=_ranges(_text(path / "cpulist")),
                memory_bytes=_kibibytes(rows.get("MemTotal", "")),
                memory_free_bytes=_kibibytes(rows.get("MemFree", "")),
            )
        )
    return tuple(sorted(found, key=lambda node: node.index))


def _ranges(text: str) -> tuple[int, ...]:
    """Reads "0-3,8,10-11"; what is no range counts as nothing."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            continue
        begin, end = int(first), int(last or first)
        if begin <= end < _MOST_CPUS:
            cpus.update(range(begin, end + 1))
    return tuple(sorted(cpus))


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _cpuinfo(text: str) -> list[dict[str, str]]:
    blocks = []
    for part in text.split("\n\n"):
        rows = dict(line.split(":", 1) for line in part.splitlines() if ":" in line)
        block = {key.strip(): value.strip() for key, value in rows.items()}
        if "processor" in block:
            blocks.append(block)
    return blocks


def _usable(root: Path) -> int:
    """Processors this process may run on; for another root, what its files say must do."""
    return len(os.sched_getaffinity(0)) if root == Path("/") else _UNLIMITED


def _quota(root: Path) -> int:
    parts = _text(root / "sys/fs/cgroup/cpu.max").split()
    match parts:
        case [quota, period] if quota.isdigit() and period.isdigit() and int(period):
            return max(1, int(quota) // int(period))
        case _:
            return _UNLIMITED


def _load(root: Path) -> float:
    with suppress(ValueError, IndexError):
        return float(_text(root / "proc/loadavg").split()[0])
    return 0.0


def _kibibytes(text: str) -> int:
    with suppress(ValueError, IndexError):
        return int(text.split(maxsplit=1)[0]) * 1024
    return 0


def _number(text: str, otherwise: int) -> int:
    stripped = text.strip()
    return int(stripped) if stripped.isdigit() else otherwise
