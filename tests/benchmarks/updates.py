"""Offline updates against plain disk: verify and copy beside `dd` + fsync, memory, and sizes of deltas.

Each round copies the same bytes to the same disk twice, in another order each time: with `dd conv=fsync`,
and with what a box does with a stick (metadata judged, every blob hashed, all of it synced). Ours runs in a
process of its own, whose start is left out; neither finds its source in memory. Sizes of deltas need no
quiet machine. `--quick` is for looking whether it runs: its times say nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from installer.vendor.warehouse import Warehouse
from models.formats.inspect import require_model
from tests.benchmarks.storage_rounds import Noise, judged, ratio_of
from tests.installer.vendor.weights import bf16, moved, safetensors_of, weights
from tests.installer.vendor.yard import NOW, Yard
from tests.models.registry.cards import make_card

COPY: Final = 0.9
MEMORY_MB: Final = 200
DELTA: Final = 0.15
AGAIN: Final = 0.01
_TENSOR: Final = 96 << 20
_STICK: Final = "stick"
_SOURCE: Final = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Run:
    """One copy: wall seconds, processor seconds of all threads, peak of memory in MB."""

    wall: float
    cpu: float
    peak: int


def made(path: Path, megabytes: int) -> None:
    """A safetensors file of noise, written piece by piece."""
    left, at, header = megabytes << 20, 0, {}
    sizes = []
    while left > 0:
        size = min(left, _TENSOR)
        header[f"w{len(sizes)}"] = {
            "dtype": "BF16",
            "shape": [size // 2],
            "data_offsets": [at, at + size],
        }
        sizes.append(size)
        left, at = left - size, at + size
    told = json.dumps(header).encode()
    random = np.random.default_rng(1)
    with path.open("wb") as stream:
        stream.write(len(told).to_bytes(8, "little") + told)
        for size in sizes:
            stream.write(random.bytes(size))


def add(yard: Yard, path: Path, version: str) -> None:
    """A model and a card for it into the warehouse."""
    told = require_model(path)
    card = make_card(
        id="bench",
        version=version,
        architecture=told.architecture or "llama",
        parameters=told.parameters,
        quantisation=told.quantisation,
        context=0,
    )
    (path.parent / "card.json").write_bytes(card.to_bytes())
    Warehouse(yard.folder).add(path, path.parent / "card.json")


def files_of(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (
            path for path in (folder.rglob("*") if folder.is_dir() else [folder]) if path.is_file()
        )


def forget(*folders: Path) -> None:
    """Let the system forget what it has in memory of clean files."""
    for path in files_of(*folders):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def ours(place: Path) -> Run:
    places = [place / "vendor" / "root.json", place / _STICK, place / "staging"]
    argv = [
        sys.executable,
        "-m",
        "tests.benchmarks.updates_take",
        *map(str, places),
        NOW.isoformat(),
    ]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
    subprocess.run(["rm", "-r", str(place / "staging")], check=True)
    return Run(*json.loads(done.stdout))


def theirs(place: Path) -> float:
    target = place / "copied"
    argv = ["dd", f"if={place / _SOURCE}", f"of={target}", "bs=1M", "conv=fsync", "status=none"]
    began = time.perf_counter()
    subprocess.run(argv, check=True)
    wall = time.perf_counter() - began
    target.unlink()
    return wall


def measure_copy(place: Path, megabytes: int, rounds: int) -> bool:
    source = place / _SOURCE
    made(source, megabytes)
    yard = Yard(place / "vendor").init()
    add(yard, source, "1")
    yard.build(place / _STICK)
    subprocess.run(["rm", "-r", str(place / "vendor" / "stock")], check=True)
    os.sync()
    noise, plain, mine = Noise(), [], []
    for number in range(rounds):
        for turn in (number % 2, 1 - number % 2):
            forget(source, place / _STICK)
            if turn:
                mine.append(ours(place))
            else:
                plain.append(theirs(place))
    size = sum(path.stat().st_size for path in files_of(place / _STICK)) / 1e9
    print(f"copy: a bundle of {size:.2f} GB, {rounds} rounds")
    rates = sorted(size / wall for wall in plain), sorted(size / run.wall for run in mine)
    print(
        f"  dd + fsync {rates[0][0]:.2f} to {rates[0][-1]:.2f} GB/s,"
        f" ours {rates[1][0]:.2f} to {rates[1][-1]:.2f} GB/s,"
        f" {sum(run.cpu for run in mine) / len(mine) / size:.2f} processor seconds a GB"
    )
    met = judged(
        "verify and copy, share of dd + fsync", ratio_of(plain, [run.wall for run in mine]), COPY
    )
    peak = max(run.peak for run in mine)
    print(f"  memory {peak} MB, goal {MEMORY_MB}: {'met' if peak <= MEMORY_MB else 'MISSED'}")
    noise.told()
    return met and peak <= MEMORY_MB


def shares(place: Path, new: bytes, base: bytes) -> tuple[float, float]:
    """What a bundle with a new version ships, and one with nothing new, as shares of the whole."""
    place.mkdir()
    yard = Yard(place / "vendor").init()
    path = place / _SOURCE
    path.write_bytes(base)
    add(yard, path, "1")
    old = yard.build(place / "old")
    again = yard.build(place / "again", earlier=old)
    path.write_bytes(new)
    add(yard, path, "2")
    delta = yard.build(place / "new", earlier=old)
    whole = len(new)
    return tuple(sum(one.stat().st_size for one in files_of(out)) / whole for out in (delta, again))


def measure_deltas(place: Path, megabytes: int) -> bool:
    base = weights(1, megabytes << 19)
    old = safetensors_of({"w": bf16(base)}, "BF16")
    met = True
    print(f"deltas: a bf16 model of {megabytes} MB, shares of its size that are shipped")
    for by, goal in ((1e-5, DELTA), (3e-5, None), (1e-4, None)):
        new = safetensors_of({"w": bf16(moved(base, 2, by))}, "BF16")
        delta, again = shares(place / f"{by}", new, old)
        met &= goal is None or delta <= goal
        verdict = (
            "" if goal is None else f"  goal {goal:.0%}: {'met' if delta <= goal else 'MISSED'}"
        )
        print(f"  every weight moved by {by:g}: {delta:.1%}{verdict}", flush=True)
    print(
        f"  published again unchanged: {again:.2%}  goal {AGAIN:.0%}: {'met' if again < AGAIN else 'MISSED'}"
    )
    return met and again < AGAIN


def chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=("copy", "deltas"), help="only this")
    parser.add_argument(
        "--place", type=Path, default=None, help="a directory on the disk to measure"
    )
    parser.add_argument("--megabytes", type=int, default=2048, help="of the bundle that is copied")
    parser.add_argument("--model", type=int, default=64, help="megabytes of the one in the deltas")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    if words.quick:
        words.megabytes, words.model, words.rounds = 128, 4, 2
    return words


def main() -> int:
    words = chosen()
    parts = words.part or ("copy", "deltas")
    met = True
    with tempfile.TemporaryDirectory(dir=words.place, prefix="updates-") as name:
        place = Path(name)
        if "deltas" in parts:
            (place / "deltas").mkdir()
            met &= measure_deltas(place / "deltas", words.model)
        if "copy" in parts:
            (place / "copy").mkdir()
            met &= measure_copy(place / "copy", words.megabytes, words.rounds)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
