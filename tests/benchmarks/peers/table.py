"""The gateway beside its peers: one stub engine and one load generator for all, in one run.

Beside each peer, nginx and our gateway are measured again, in turn with it, so that other work on the
machine hits all of them alike. A peer that cannot be had here is told in a sentence; the others go on.
Processor time is that of a front's whole family: ours includes the process that writes the audit log.
Xinference is left out: its engines live inside its own workers, it cannot stand before another's.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.gateway import Asked, fronts, python
from tests.benchmarks.peers import gpustack_server, litellm_proxy
from tests.benchmarks.peers.environments import Unavailable, ready, version
from tests.benchmarks.peers.processes import Front, listeners, spent

ROUNDS = 2
_STARTS_S = 0.8
"""What the load generator needs until its clients are connected."""
_STREAM_S = 10.0
"""A slow peer's streams take seconds each: shorter a window would see none of them end."""

Start = Callable[[Path, int, Path], AbstractContextManager[Front]]


@dataclass(frozen=True, slots=True)
class Peer:
    """How a peer is started, and how many times its requests a second ours shall pass."""

    name: str
    started: Start
    goal: int


PEERS = (
    Peer(litellm_proxy.NAME, litellm_proxy.started, 60),
    Peer(gpustack_server.NAME, gpustack_server.started, 30),
)


@dataclass(slots=True)
class Row:
    """What was measured of one front: requests/s, microseconds, milliseconds, a count."""

    rates: list[float]
    costs: list[float]
    alone: list[float]
    first: list[float]
    failed: int = 0


def compare(seconds: float) -> None:
    """Measures every peer that can be had and prints a table for each."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every block is left
    print(
        "\npeers: the same stub engine on loopback behind all, 64 clients, one worker process each"
    )
    for peer in PEERS:
        attempt(peer, seconds)


def attempt(peer: Peer, seconds: float) -> None:
    """Measures one peer, or says in a sentence why it was not measured."""
    try:
        _show(peer, _beside(peer, ready(peer.name), seconds))
    except (Unavailable, OSError) as sentence:
        print(f"  not measured: {sentence}", flush=True)


def _beside(peer: Peer, environment: Path, seconds: float) -> dict[str, Row]:
    """Ours, nginx and the peer in turn: whole answers, one client alone, then streams."""
    rows = {name: Row([], [], [], []) for name in ("direct", "nginx", "gateway", peer.name)}
    for token_ms in (0.0, 20.0):
        with (
            tempfile.TemporaryDirectory(prefix="wardbox-peer-") as name,
            fronts(Asked(Path(name), "loopback", seconds, ROUNDS, bodies=False), token_ms) as both,
            peer.started(environment, both.where["direct"][0], Path(name)) as other,
        ):
            ours = [Front(name, *at, listeners(at[0])) for name, at in both.where.items()]
            for _ in range(ROUNDS):
                for front in (*ours, other):
                    (_streams if token_ms else _whole)(front, rows[front.name], seconds)
    return rows


def _whole(front: Front, row: Row, seconds: float) -> None:
    alone = _measure(front, seconds, "--clients", "1")
    row.alone.append(alone["p50_ms"])
    told = _measure(front, seconds)
    row.rates.append(told["per_second"])
    row.costs.append(told["cpu_us"])
    row.failed += int(alone["failed"] + told["failed"])


def _streams(front: Front, row: Row, seconds: float) -> None:
    told = _measure(front, seconds if front.warm_s <= 1 else _STREAM_S, "--stream")
    row.first.append(told["p50_ms"] or float("nan"))
    row.failed += int(told["failed"])


def _measure(front: Front, seconds: float, *words: str) -> dict[str, float]:
    """One load, and the processor time that the front spent on each request in its steady part."""
    times = ["--seconds", str(seconds), "--warm", str(front.warm_s)]
    argv = python("benchmarks.gateway_load", "--port", str(front.port), *times, *words)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as load:
        try:
            load.stdin.write(f"{front.key}\n")
            load.stdin.close()
            time.sleep(front.warm_s + _STARTS_S)
            before, began = spent(front.roots), time.perf_counter()
            time.sleep(max(seconds - _STARTS_S - 0.4, 1.0))
            used, lasted = spent(front.roots) - before, time.perf_counter() - began
            said = load.stdout.read()
        except BaseException:
            load.kill()
            raise
    if load.returncode:
        raise Unavailable(f"the load on {front.name} could not be run")
    told = json.loads(said)
    rate = told["per_second"]
    return {**told, "cpu_us": 1e6 * used / lasted / rate if rate else float("nan")}


def _show(peer: Peer, rows: dict[str, Row]) -> None:
    direct = statistics.median(rows["direct"].first)
    titles = ("requests/s", "CPU us/request", "p50 ms alone", "TTFT adds ms", "failed")
    print(f"beside {peer.name} {version(peer.name)}")
    print(f"  {'':<9}" + "".join(f"{title:>16}" for title in titles))
    for name, row in rows.items():
        rate, cost, alone, first = map(
            statistics.median, (row.rates, row.costs, row.alone, row.first)
        )
        numbers = (f"{rate:.0f}", f"{cost:.0f}", f"{alone:.2f}", f"{first - direct:.1f}")
        print(f"  {name:<9}" + "".join(f"{one:>16}" for one in (*numbers, row.failed)))
    ours, theirs = rows["gateway"], rows[peer.name]
    told = _ratio(ours.rates, theirs.rates)
    print(f"  gateway / {peer.name:<10}{told:>8.1f}   (goal >= {peer.goal})")
    print(f"  by processor time   {_ratio(theirs.costs, ours.costs):>8.1f}", flush=True)


def _ratio(above: list[float], below: list[float]) -> float:
    """The median over rounds: what was measured side by side is compared, then the middle taken."""
    pairs = zip(above, below, strict=True)
    return statistics.median(one / other if other else float("nan") for one, other in pairs)
