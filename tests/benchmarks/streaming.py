"""What the gateway adds to a stream: to its first token, between tokens, in CPU, and in memory.

    python -m tests.benchmarks.streaming [--seconds 6] [--rounds 3] [--engine unix|loopback]

The same stub engine is asked directly and through the gateway (key, scope, quota, metering, two durable
records a stream), 64 streams of 64 tokens at 20 ms each, in rounds that alternate. CPU is what /proc says of
the gateway's processes over a whole load, its connections and requests included, for each event that arrived.
Memory is the proportional set size of the same processes while streams are open in which nothing comes.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.gateway import free_port, python, running, wait_for
from tests.benchmarks.gateway_load import Load

STREAMS = 64
IDLE = 1024
GOAL_FIRST_MS = (5.0, 20.0)
GOAL_GAP_MS = 2.0
GOAL_EVENT_US = 60.0
GOAL_IDLE_MB = 300.0
WRITER = "appliance.audit.writing"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask: the engine's own port, the gateway's, its key, and its process."""

    direct: int
    port: int
    key: str
    gateway: psutil.Process

    def spent(self) -> dict[str, float]:
        """CPU seconds so far of each process of the gateway."""
        return {name: sum(one.cpu_times()[:2]) for name, one in self.family()}

    def held(self) -> dict[str, float]:
        """Proportional set size of each process, in MB: pages that are shared count once."""
        return {name: one.memory_full_info().pss / 1e6 for name, one in self.family()}

    def family(self) -> Iterator[tuple[str, psutil.Process]]:
        """The gateway, the process that writes its record, and whatever else it has."""
        yield "gateway", self.gateway
        for child in self.gateway.children(recursive=True):
            words = child.cmdline()
            yield ("audit writer" if WRITER in words else f"child {child.pid}"), child


@contextmanager
def behind(folder: Path, way: str, token_ms: float, tokens: int) -> Iterator[Place]:
    """A stub engine and the gateway in front of it."""
    uds = folder / f"engine-{token_ms}-{tokens}.sock"
    direct, port = free_port(), free_port()
    stub = ["--uds", str(uds), "--port", str(direct), "--token-ms", str(token_ms)]
    reach = ["--uds", str(uds)] if way == "unix" else ["--engine-port", str(direct)]
    gate = python("benchmarks.gateway_front", *reach, "--port", str(port))
    engine = python("fakes.stub_engine", *stub, "--tokens", str(tokens))
    with running(engine, talk=True) as one, running(gate, talk=True) as gateway:
        one.stdout.readline()
        key = gateway.stdout.readline().strip()
        wait_for(port)
        yield Place(direct, port, key, psutil.Process(gateway.pid))


def listen(port: int, key: str, seconds: float) -> dict:
    words = ["--port", str(port), "--seconds", str(seconds), "--clients", str(STREAMS)]
    argv = python("benchmarks.streaming_load", *words)
    told = subprocess.run(argv, input=f"{key}\n", capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


def show(name: str, told: dict) -> None:
    print(
        f"  {name:<8} first token p50 {told['p50_ms']:>6.1f} ms  p99 {told['p99_ms']:>6.1f} ms"
        f"   between tokens p50 {told['gap_ms']:>5.1f} ms  p99 {told['gap_p99_ms']:>5.1f} ms"
        f"   failed {told['failed']}",
        flush=True,
    )


def added(folder: Path, way: str, seconds: float, rounds: int) -> dict[str, float]:
    """What the gateway adds, the median of all rounds; CPU by process, in us an event."""
    print(f"{STREAMS} streams of 64 tokens, 20 ms a token")
    seen: dict[str, list[float]] = {}
    with behind(folder, way, 20.0, 64) as place:
        for _ in range(rounds):
            direct = listen(place.direct, place.key, seconds)
            before = place.spent()
            through = listen(place.port, place.key, seconds)
            after = place.spent()
            show("direct", direct)
            show("gateway", through)
            for name in ("p50_ms", "p99_ms", "gap_ms", "gap_p99_ms"):
                seen.setdefault(name, []).append(through[name] - direct[name])
            for name, spent in after.items():
                us = 1e6 * (spent - before[name]) / through["events"]
                seen.setdefault(name, []).append(us)
    return {name: statistics.median(values) for name, values in seen.items()}


def idle(folder: Path, way: str, streams: int) -> tuple[dict[str, float], dict[str, float]]:
    """Memory in MB of each process: with nobody connected, and with open streams that say nothing."""
    print(f"{streams} streams that wait for their first token")
    # The engine says that it will answer, and then nothing for an hour.
    with behind(folder, way, 3_600_000.0, 4) as place:
        alone = place.held()
        request = Load(key=place.key, stream=True).request
        clients = [socket.create_connection(("127.0.0.1", place.port), 60) for _ in range(streams)]
        try:
            for client in clients:
                client.sendall(request)
            for client in clients:
                if not client.recv(4096).startswith(b"HTTP/1.1 200 "):
                    raise SystemExit("a stream was refused")
            time.sleep(1)
            return alone, place.held()
        finally:
            for client in clients:
                client.close()


def more_files(wanted: int) -> None:
    """Raise the descriptor limit of this process and of those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard < wanted:
        raise SystemExit(f"{wanted} descriptors are needed, {hard} are allowed: raise ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def tell(figures: dict[str, float], alone: dict[str, float], full: dict[str, float]) -> None:
    """Print the figures beside their goals."""
    p50, p99 = GOAL_FIRST_MS
    print(f"first token, added        p50 {figures['p50_ms']:5.1f} ms   (goal <= {p50})")
    print(f"                          p99 {figures['p99_ms']:5.1f} ms   (goal <= {p99})")
    print(f"between tokens, added     p50 {figures['gap_ms']:5.1f} ms")
    print(
        f"                          p99 {figures['gap_p99_ms']:5.1f} ms   (goal <= {GOAL_GAP_MS})"
    )
    parts = {name: figures[name] for name in full}
    whole = sum(parts.values())
    told = ", ".join(f"{name} {us:.1f}" for name, us in parts.items())
    print(f"CPU of an event           {whole:9.1f} us   (goal <= {GOAL_EVENT_US}): {told}")
    total, before = sum(full.values()), sum(alone.values())
    told = ", ".join(f"{name} {mb:.0f}" for name, mb in full.items())
    print(f"memory, {IDLE} idle streams {total:7.0f} MB   (goal < {GOAL_IDLE_MB:.0f}): {told}")
    print(f"  with nobody {before:.0f} MB: {1000 * (total - before) / IDLE:.1f} kB a stream")


def main() -> None:
    """Measures and prints what is added."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=("unix", "loopback"), default="unix")
    options = parser.parse_args()
    more_files(4 * IDLE)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="wardbox-streaming-") as name:
        folder = Path(name)
        figures = added(folder, options.engine, options.seconds, options.rounds)
        alone, full = idle(folder, options.engine, IDLE)
    print(f"engine on {options.engine}")
    tell(figures, alone, full)


if __name__ == "__main__":
    main()
