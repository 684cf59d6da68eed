"""What a round cost: processor time of each process by request, what the host took away, one fdatasync."""

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_STEAL = 8
"""Place of "steal" among the fields of the first line of /proc/stat."""
_WRITING = b"appliance.audit.writing"
_COMMIT_BYTES = 16_480
"""What the log's write-ahead file grows by in a commit of one event: four pages with their heads."""


def _cpu_s(pid: int) -> float:
    """Processor seconds of a process, of all its threads."""
    nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def _steal_s() -> float:
    """Processor seconds that the host has given to others, of all cores."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[_STEAL]) / _TICKS


def writer_of(pid: int) -> int:
    """The process that writes the log of a gateway."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if _WRITING in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise SystemExit("the gateway has no process that writes its log")


@dataclass(frozen=True, slots=True)
class Cost:
    """One round.

    Args:
        gateway_us: processor time of the gateway's process by request, microseconds.
        writer_us: the same of the process that writes its log.
        gateway_busy: share of one core that the gateway's process had.
        steal: cores that the host gave to others meanwhile.
    """

    gateway_us: float
    writer_us: float
    gateway_busy: float
    steal: float

    def __str__(self) -> str:
        return (
            f"gateway {self.gateway_us:.0f} us, writer {self.writer_us:.0f} us a request;"
            f" gateway busy {self.gateway_busy:.0%}, {self.steal:.2f} cores stolen"
        )


class Meter:
    """Measures rounds of one gateway.

    Args:
        gateway: its process.
    """

    def __init__(self, gateway: int) -> None:
        self._pids = (gateway, writer_of(gateway))
        self._begin()

    def _begin(self) -> None:
        self._cpu = [_cpu_s(pid) for pid in self._pids]
        self._steal, self._at = _steal_s(), time.perf_counter()

    def begin(self) -> None:
        """A round begins."""
        self._begin()

    def end(self, requests: int) -> Cost:
        """A round of so many requests is over."""
        lasted = time.perf_counter() - self._at
        gateway, writer = (
            _cpu_s(pid) - was for pid, was in zip(self._pids, self._cpu, strict=True)
        )
        each = 1e6 / max(1, requests)
        stolen = (_steal_s() - self._steal) / lasted
        return Cost(gateway * each, writer * each, gateway / lasted, stolen)


def fdatasync_ms(folder: Path, times: int = 200) -> float:
    """The median time of one fdatasync after a commit's worth of bytes, in milliseconds."""
    taken = []
    with (folder / "probe").open("wb", buffering=0) as probe:
        for _ in range(times):
            probe.write(os.urandom(_COMMIT_BYTES))
            began = time.perf_counter()
            os.fdatasync(probe.fileno())
            taken.append(time.perf_counter() - began)
    (folder / "probe").unlink()
    return 1000 * statistics.median(taken)
