"""An engine whose cores somebody else needs as well, now and then: with how the box lets threads wait, and without.

    python -m tests.benchmarks.company [--rounds 5] [--tokens 24] [--busy 1] [--layers 12]

The box takes backups, trains and checks its record beside the model that it serves. Two servers of the
same model, started as the box starts them, answer in turns on all cores: once alone, once beside a process
that keeps so many cores busy. One of them lacks `models.hardware.waiting.SHARED_CORES`, so that libgomp
waits as it does by itself. Printed: tokens a second, and what a second of processor time brings.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path

from models.engines.engine import EngineSpec
from models.engines.llama_cpp import LlamaCpp
from models.hardware.waiting import SHARED_CORES
from tests.benchmarks.storage import ENGINES
from tests.benchmarks.storage_model import write_random_model
from tests.benchmarks.storage_serving import Server, Wish, engine

ALONE, BESIDE = "alone", "beside a busy core"
_HARM = 0.95
_GAIN = 1.0


class _AsLibgompWaits(LlamaCpp):
    def env(self, spec: EngineSpec) -> dict[str, str]:
        return {name: text for name, text in super().env(spec).items() if name not in SHARED_CORES}


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that want a core each."""
    workers = [get_context("spawn").Process(target=_spin, daemon=True) for _ in range(count)]
    for one in workers:
        one.start()
    try:
        yield
    finally:
        for one in workers:
            one.kill()
            one.join()


def ask(servers: tuple[Server, Server], rounds: int, tokens: int, what: str) -> float:
    """Rounds in turns; prints both and returns the median ratio of tokens a second."""
    seconds: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            taken, _, used = servers[which].turn(tokens)
            if number:  # the first round warms
                seconds[which].append(taken)
                cpu[which].append(used)
    for name, took, used in zip(("by itself", "as the box"), seconds, cpu, strict=True):
        print(
            f"  {what:<20} {name:<12}{tokens / statistics.median(took):>8.1f} tokens/s"
            f"{tokens / max(0.01, statistics.median(used)):>9.1f} tokens a CPU second"
        )
    return statistics.median(mine / ours for mine, ours in zip(*seconds, strict=True))


async def compare(options: argparse.Namespace) -> int:
    """Both servers, alone and in company."""
    (server,) = sorted(ENGINES.glob("*/llama-server"))[-1:]
    wish = Wish(server, None, options.layers, options.rounds, options.tokens, options.threads)
    with tempfile.TemporaryDirectory(prefix="wardbox-company-") as name:
        model = Path(name) / "random.gguf"
        write_random_model(model, options.layers)
        async with AsyncExitStack() as stack:
            servers = (
                await stack.enter_async_context(engine(wish, model, Path(name), _AsLibgompWaits)),
                await stack.enter_async_context(engine(wish, model, Path(name))),
            )
            rounds, tokens = options.rounds, options.tokens
            alone = await asyncio.to_thread(ask, servers, rounds, tokens, ALONE)
            with busy(options.busy):
                # Far fewer: by itself this takes a second and more for each token.
                beside = await asyncio.to_thread(ask, servers, rounds // 2, tokens // 6, BESIDE)
    print(f"as the box / by itself: {alone:.3f} alone (goal {_HARM}), {beside:.2f} in company")
    return int(alone < _HARM or beside < _GAIN)


def main() -> int:
    """Measures and prints; 1 where sharing costs what it should not, or brings nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--busy", type=int, default=1)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--threads", type=int, default=4)
    return asyncio.run(compare(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
