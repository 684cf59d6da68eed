"""Memory as the kernel tells it: what a process holds, and how often one was killed for it."""

import os
from contextlib import suppress
from pathlib import Path


def out_of_memory_kills(root: Path = Path("/")) -> int:
    """How many processes the kernel has killed for memory.

    Inside a control group its own count (`memory.events`, cgroup v2) is the honest one: a limit of
    the group kills without the machine being short. Without one, `/proc/vmstat` counts since boot.
    """
    own = _own_group(root)
    if own is not None:
        counted = _count(own / "memory.events", "oom_kill")
        if counted is not None:
            return counted
    return _count(root / "proc/vmstat", "oom_kill") or 0


def resident_bytes(pid: int, root: Path = Path("/")) -> int:
    """Memory that a process holds now, in bytes; 0 when it is gone."""
    with suppress(OSError, ValueError, IndexError):
        pages = (root / "proc" / str(pid) / "statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _own_group(root: Path) -> Path | None:
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::/"):
                return root / "sys/fs/cgroup" / line[4:]
    return None


def _count(path: Path, name: str) -> int | None:
    with suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name} "):
                return int(line.split()[1])
    return None
