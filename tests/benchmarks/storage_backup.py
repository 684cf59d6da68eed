"""Backups against what everybody has: `tar | age` for making them, `cp` for bringing them back.

Each round makes the same copies side by side on one disk: a first backup, an unchanged second one, a
restore, and the two others, in another order each time. Ours run in a process of their own, as in the box;
its start (imports, a second or so) is left out. The content is three parts weights to one part records.
Processor seconds are told beside: they are what a busy machine's clock does not change.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.backup.creating import Creation
from appliance.backup.target import DirectoryTarget
from appliance.backup.writing import FileWriter, Wish
from appliance.settings.layout import StateLayout
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold
from tests.benchmarks.storage_rounds import Noise, judged, ratio_of, told

FIRST: Final = 0.7
SECOND: Final = 20.0
RESTORE: Final = 0.7
MEMORY_MB: Final = 300
_BLOB: Final = 128 << 20


def make_box(place: Path, megabytes: int) -> SmallBox:
    """A box with that much content."""
    box = SmallBox(StateLayout(place), time.time)
    box.make()
    left = (megabytes << 20) * 3 // 4
    while left > 0:
        with (box.layout.shelf / "blobs" / f"m{left}").open("wb") as stream:
            for _ in range(min(left, _BLOB) >> 20):
                stream.write(os.urandom(1 << 20))
        left -= _BLOB
    with (box.layout.caller_files / "records.jsonl").open("wb") as stream:
        for number in range((megabytes << 20) // 4 // 160):
            text = os.urandom(24).hex()
            line = f'{{"number": {number:9}, "text": "{text}", "diagnosis": "老年性白内障", "again": "{text}"}}\n'
            stream.write(line.encode())
    box.age()
    os.sync()
    return box


@dataclass(frozen=True, slots=True)
class Run:
    """One thing done: wall seconds, processor seconds of all threads and processes, peak in MB."""

    wall: float
    cpu: float
    peak: int = 0


def work(what: str, place: Path, threads: int) -> None:
    """One run of ours, in a process of its own as in the box; prints a `Run`."""
    box = SmallBox(StateLayout(place / "state"), time.time)
    box.reopen()
    target = DirectoryTarget(place / "target")
    began, used = time.perf_counter(), time.process_time()
    if what == "create":
        Creation(box.repository(target), box.ours(threads), untold).run()
    else:
        repository = box.repository_as_is(target)
        index = repository.index()
        entries = repository.manifest(repository.snapshot(None), index)
        FileWriter(repository, index, place / "out", threads, untold).write(map(Wish, entries), 0)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    print(json.dumps([wall, cpu, peak_mb()]))


def peak_mb() -> int:
    """The largest memory of this program; getrusage(2) would also know of whoever started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def ours(what: str, place: Path, threads: int) -> Run:
    argv = [sys.executable, "-m", "tests.benchmarks.storage_backup", "--work", what]
    more = ["--place", str(place), "--threads", str(threads)]
    done = subprocess.run([*argv, *more], stdout=subprocess.PIPE, check=True, text=True)
    return Run(*json.loads(done.stdout))


def theirs(argv: str, place: Path) -> Run:
    """A pipeline of others, and the disk's own time."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(argv, shell=True, check=True, cwd=place)  # noqa: S602  # of words of our own
    subprocess.run(["sync", "-f", str(place)], check=True)
    wall, after = time.perf_counter() - began, os.times()
    return Run(wall, sum(after[2:4]) - sum(before[2:4]))


def one_round(place: Path, threads: int, recipient: str, *, first: bool) -> dict[str, Run]:
    """Everything once; ours comes first in every other round, so that drift meets both alike."""
    pairs = [
        {
            "tar": lambda: theirs(f"tar -cf - state | age -r {recipient} > tar/target.age", place),
            "first": lambda: ours("create", place, threads),
        },
        {"again": lambda: ours("create", place, threads)},
        {
            "cp": lambda: theirs("cp -a state copy/", place),
            "back": lambda: ours("restore", place, threads),
        },
    ]
    for name in ("target", "out", "tar", "copy"):
        shutil.rmtree(place / name, ignore_errors=True)
        (place / name).mkdir()
    found = {}
    for pair in pairs:
        for name in sorted(pair, reverse=first):
            found[name] = pair[name]()
    return found


def measure(place: Path, rounds: int, megabytes: int, threads: int) -> bool:
    """Print the ratios; whether the goals are met."""
    if shutil.which("age") is None:
        print("backup: not measured, it needs age (apt-get install age)")
        return False
    state = place / "state"
    recipient = make_box(state, megabytes).holder_recipient
    size = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    noise = Noise()
    runs = [
        one_round(place, threads, recipient, first=bool(number % 2)) for number in range(rounds)
    ]
    walls = {name: [one[name].wall for one in runs] for name in runs[0]}
    cpus = {name: [one[name].cpu for one in runs] for name in runs[0]}
    speed = f"{size / 1e6:.0f} MB, {threads} threads, {rounds} rounds"
    print(f"backups of {speed}; ratios of speeds, median [95 %]")
    met = judged("first backup / tar | age", ratio_of(walls["tar"], walls["first"]), FIRST)
    met &= judged("unchanged second / first", ratio_of(walls["first"], walls["again"]), SECOND)
    told("unchanged second / tar | age", ratio_of(walls["tar"], walls["again"]))
    met &= judged("restore / cp", ratio_of(walls["cp"], walls["back"]), RESTORE)
    told("processor time: tar | age / first backup", ratio_of(cpus["tar"], cpus["first"]))
    told("processor time: cp / restore", ratio_of(cpus["cp"], cpus["back"]))
    peak = max(one.peak for run in runs for one in run.values())
    fits = peak <= MEMORY_MB
    print(f"  peak of memory {peak} MB, goal {MEMORY_MB} MB: {'met' if fits else 'MISSED'}")
    for name, seconds in walls.items():
        middle, cpu = statistics.median(seconds), statistics.median(cpus[name])
        print(
            f"  {name:6} {middle:6.2f} s, {size / 1e6 / middle:6.0f} MB/s; best {min(seconds):6.2f} s;"
            f" {cpu / size * 1e9:5.2f} CPU s/GB"
        )
    noise.told()
    return met and fits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", choices=("create", "restore"), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.work:
        work(words.work, words.place, words.threads)
        return 0
    with tempfile.TemporaryDirectory(dir=words.place, prefix="backup-") as name:
        return int(not measure(Path(name), words.rounds, words.megabytes, words.threads))


if __name__ == "__main__":
    sys.exit(main())
