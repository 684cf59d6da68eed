"""The box's databases against plain SQLite: the same classes, the same durability, no encryption.

Each round gives every library an empty directory on the same disk and a process of its own, in another
order each time. Wall seconds are what a caller waits for and what is judged; most of them are the disk's.
CPU seconds say what encryption itself costs, and are quieter than a busy machine's clock.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

from tests.benchmarks.storage_rounds import Noise, judged, ratio_of

GOAL: Final = 0.8
KINDS: Final = ("cipher", "keyless", "stock")
_PARTS: Final = {
    "mix": "the box's mix, all of it at once",
    "answers": "answers on record and metered, 48 callers",
    "metering": "flushes of the meter",
    "working": "jobs from queue to end",
    "looking_up": "receipts, pages, reports of use",
    "bulk": "bulk of the record",
}
Told = dict[str, tuple[int, float, float]]


def one_run(kind: str, place: Path, scale: float) -> Told:
    """What one library did in a directory of its own."""
    with tempfile.TemporaryDirectory(dir=place, prefix=f"database-{kind}-") as folder:
        argv = [sys.executable, "-m", "tests.benchmarks.storage_work", kind, folder, str(scale)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
    return {name: tuple(figures) for name, figures in json.loads(done.stdout).items()}


def measure(place: Path, rounds: int, scale: float) -> bool:
    """Print the ratios; whether the goal is met against both libraries."""
    told: dict[str, list[Told]] = defaultdict(list)
    noise = Noise()
    for number in range(rounds):
        order = KINDS[number % 3 :] + KINDS[: number % 3]
        for kind in order if number % 2 else order[::-1]:
            told[kind].append(one_run(kind, place, scale))
    print(f"databases, {rounds} rounds; ratios of SQLCipher to plain, median [95 %]")
    wall = {kind: _seconds(told[kind], 1) for kind in KINDS}
    met = judged(
        "the box's mix / the same library, no key",
        ratio_of(wall["keyless"]["mix"], wall["cipher"]["mix"]),
        GOAL,
    )
    met &= judged(
        "the box's mix / the sqlite3 of Python",
        ratio_of(wall["stock"]["mix"], wall["cipher"]["mix"]),
        GOAL,
    )
    cpu = {kind: _seconds(told[kind], 2) for kind in KINDS}
    for name, words in _PARTS.items():
        times = sorted(wall["cipher"][name])
        count = told["cipher"][0][name][0]
        rate = count / times[len(times) // 2]
        print(f"  {words:44} {rate:9,.0f} /s")
        for kind in ("keyless", "stock"):
            waits = ratio_of(wall[kind][name], wall["cipher"][name])
            work = ratio_of(cpu[kind][name], cpu["cipher"][name])
            print(f"    {'/ ' + kind:14} wall {waits}  CPU {work}")
    noise.told()
    return met


def _seconds(runs: list[Told], figure: int) -> dict[str, list[float]]:
    return {name: [run[name][figure] for run in runs] for name in _PARTS}


if __name__ == "__main__":
    sys.exit(not measure(Path(tempfile.gettempdir()), int(sys.argv[1]), float(sys.argv[2])))
