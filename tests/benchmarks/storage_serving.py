"""A model served out of the vault against the same file on plain disk: llama-server as the box starts it."""

import asyncio
import contextlib
import http.client
import json
import secrets
import socket
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from models.engines.engine import Address, EngineSpec, Placement
from models.engines.llama_cpp import LlamaCpp
from models.engines.process import ProcessKeeper
from tests.benchmarks.storage_rounds import Noise, judged, ratio_of, told

SERVE_GOAL: Final = 0.98
PROMPT: Final = "患者,女,72 岁,右眼视物模糊两年。" * 12
_WAIT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is measured and how often.

    A `model` of the caller's is told and not judged: the goals are for one that takes time to load, and
    the box's own reference model is read in a millisecond.
    """

    server: Path
    model: Path | None
    layers: int
    rounds: int
    tokens: int
    threads: int


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spec(file: Path, place: Path, threads: int) -> EngineSpec:
    runtime = place / f"engine-{secrets.token_hex(4)}"
    runtime.mkdir(mode=0o700)
    placement = Placement(threads=threads, slots=1, context=1024)
    address = Address(port=_free_port())
    return EngineSpec("bench", file, address, secrets.token_hex(16), runtime, placement)


def _ask(spec: EngineSpec, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    line = http.client.HTTPConnection(spec.address.host, spec.address.port, timeout=_WAIT_S)
    try:
        head = {"Authorization": f"Bearer {spec.secret}", "Content-Type": "application/json"}
        line.request("POST" if body else "GET", path, json.dumps(body) if body else None, head)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def _ready(spec: EngineSpec) -> bool:
    with contextlib.suppress(OSError):
        return _ask(spec, "/health")[0] == 200
    return False


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up."""

    spec: EngineSpec
    pid: int
    start_s: float

    def turn(self, tokens: int) -> tuple[float, float, float]:
        """Seconds of writing that many tokens, of reading the prompt, and of the CPU for both."""
        before = psutil.Process(self.pid).cpu_times()
        body = {"prompt": PROMPT, "n_predict": tokens, "ignore_eos": True, "temperature": 0.0}
        status, answer = _ask(self.spec, "/completion", body | {"cache_prompt": False})
        after = psutil.Process(self.pid).cpu_times()
        assert status == 200, answer
        times = answer["timings"]
        assert times["predicted_n"] == tokens
        cpu = after.user + after.system - before.user - before.system
        return times["predicted_ms"] / 1000, times["prompt_ms"] / 1000, cpu


@contextlib.asynccontextmanager
async def engine(
    wish: Wish, file: Path, place: Path, kind: type[LlamaCpp] = LlamaCpp
) -> AsyncIterator[Server]:
    """A server with a model, started as the box starts it, or as a `kind` of its own does."""
    engines = kind(wish.server)
    spec = _spec(file, place, wish.threads)
    for name, text in engines.files(spec).items():
        name.write_text(text)
    began = time.perf_counter()
    child = await ProcessKeeper().start(engines.argv(spec), engines.env(spec), cwd=spec.runtime_dir)
    try:
        while not await asyncio.to_thread(_ready, spec):
            if not child.alive or time.perf_counter() - began > _WAIT_S:
                raise SystemExit("llama-server did not come up:\n" + "\n".join(child.tail()))
            await asyncio.sleep(0.005)
        yield Server(spec, child.pid, time.perf_counter() - began)
    finally:
        await child.stop()


async def measure_starts(wish: Wish, place: Path, files: tuple[Path, Path]) -> None:
    """Seconds from the start of a server until it is ready, plain and vault by turns."""
    starts: tuple[list[float], list[float]] = ([], [])
    for number in range(max(3, wish.rounds // 2)):
        for which in (0, 1) if number % 2 else (1, 0):
            async with engine(wish, files[which], place) as server:
                starts[which].append(server.start_s)
    plain, vault = (statistics.median(seconds) for seconds in starts)
    print(f"warm start of llama-server: {plain:.2f} s plain, {vault:.2f} s vault")


async def measure_serving(wish: Wish, place: Path, files: tuple[Path, Path]) -> bool:
    """Tokens a second of two servers, turn by turn; whether the goal is met."""
    sums: dict[int, list[list[float]]] = {0: [], 1: []}
    noise = Noise()
    async with engine(wish, files[0], place) as plain, engine(wish, files[1], place) as vault:
        servers = (plain, vault)
        for number in range(wish.rounds + 1):
            # Twice each, the first also the last: what drifts meanwhile meets both alike.
            turns: dict[int, list[tuple[float, float, float]]] = {0: [], 1: []}
            for which in (0, 1, 1, 0) if number % 2 else (1, 0, 0, 1):
                turns[which].append(await asyncio.to_thread(servers[which].turn, wish.tokens))
            for which, taken in turns.items():
                if number:  # the first round warms
                    sums[which].append([sum(column) for column in zip(*taken, strict=True)])
    columns = [list(zip(*sums[which], strict=True)) for which in (0, 1)]
    speeds = [2 * wish.tokens / statistics.median(column[0]) for column in columns]
    print(f"serving, {wish.rounds} rounds: {speeds[0]:.1f} tokens/s plain, {speeds[1]:.1f} vault")
    ratios = [ratio_of(columns[0][at], columns[1][at]) for at in range(3)]
    met = True
    if wish.model is None:
        met = judged("tokens/s, vault / plain disk", ratios[0], SERVE_GOAL)
    else:
        told("tokens/s, vault / plain disk", ratios[0])
    told("prompt tokens/s, the same", ratios[1])
    told("tokens a CPU second, the same", ratios[2])
    noise.told()
    return met
