"""Backups against what everybody has: `tar | age` for making them, `cp` for bringing them back.

Each round makes the same copies side by side on one disk: a first backup, an unchanged second one, a
restore, and the two others. Ours run in a process of their own, as in the box; its start (imports) is a
constant of a second or so and told apart. The content is three parts weights to one part records.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from appliance.backup.creating import Creation
from appliance.backup.target import DirectoryTarget
from appliance.backup.writing import FileWriter, Wish
from appliance.settings.layout import StateLayout
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold
from tests.benchmarks.storage_rounds import judged, ratio_of, told

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


def work(what: str, state: Path, target: Path, out: Path, threads: int) -> None:
    """One run of ours; prints seconds, the peak of memory in MB and bytes added."""
    box = SmallBox(StateLayout(state), time.time)
    box.reopen()
    place = DirectoryTarget(target)
    began = time.perf_counter()
    added = 0
    if what == "create":
        added = Creation(box.repository(place), box.ours(threads), untold).run().added
    else:
        repository = box.repository_as_is(place)
        index = repository.index()
        entries = repository.manifest(repository.snapshot(None), index)
        FileWriter(repository, index, out, threads, untold).write(map(Wish, entries), 0)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps([seconds, peak, added]))


def ours(what: str, state: Path, target: Path, out: Path, threads: int) -> tuple[float, int, int]:
    argv = [sys.executable, "-m", "tests.benchmarks.storage_backup", "--work", what]
    places = ["--state", state, "--target", target, "--out", out, "--threads", str(threads)]
    done = subprocess.run([*argv, *map(str, places)], stdout=subprocess.PIPE, check=True, text=True)
    seconds, peak, added = json.loads(done.stdout)
    return seconds, peak, added


def theirs(argv: str, place: Path) -> float:
    """A pipeline of others, and the disk's own time."""
    began = time.perf_counter()
    subprocess.run(argv, shell=True, check=True, cwd=place)  # noqa: S602  # of words of our own
    subprocess.run(["sync", "-f", str(place)], check=True)
    return time.perf_counter() - began


def measure(place: Path, rounds: int, megabytes: int, threads: int) -> bool:
    """Print the ratios; whether the goals are met."""
    if shutil.which("age") is None:
        print("backup: not measured, it needs age (apt-get install age)")
        return False
    state = place / "state"
    box = make_box(state, megabytes)
    recipient = box.holder_recipient
    size = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    times: dict[str, list[float]] = {name: [] for name in ("tar", "first", "again", "cp", "back")}
    peaks: list[int] = []
    for _ in range(rounds):
        target, out = place / "target", place / "out"
        for folder in (target, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        times["tar"].append(theirs(f"tar -cf - state | age -r {recipient} > target.age", place))
        first = ours("create", state, target, out, threads)
        again = ours("create", state, target, out, threads)
        shutil.rmtree(place / "copy", ignore_errors=True)
        times["cp"].append(theirs("cp -a state copy", place))
        back = ours("restore", state, target, out, threads)
        for name, one in (("first", first), ("again", again), ("back", back)):
            times[name].append(one[0])
            peaks.append(one[1])
    speed = f"{size / 1e6:.0f} MB, {threads} threads, {rounds} rounds"
    print(f"backups of {speed}; ratios of speeds, median [95 %]")
    met = judged("first backup / tar | age", ratio_of(times["tar"], times["first"]), FIRST)
    met &= judged("unchanged second / first", ratio_of(times["first"], times["again"]), SECOND)
    told("unchanged second / tar | age", ratio_of(times["tar"], times["again"]))
    met &= judged("restore / cp", ratio_of(times["cp"], times["back"]), RESTORE)
    fits = max(peaks) <= MEMORY_MB
    verdict = "met" if fits else "MISSED"
    print(f"  peak of memory {max(peaks)} MB, goal {MEMORY_MB} MB: {verdict}")
    for name, seconds in times.items():
        print(f"  {name:6} {min(seconds):7.2f} s at best, {size / 1e6 / min(seconds):7.0f} MB/s")
    return met and fits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", choices=("create", "restore"), help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.work:
        work(words.work, words.state, words.target, words.out, words.threads)
        return 0
    with tempfile.TemporaryDirectory(dir=words.place, prefix="backup-") as name:
        return int(not measure(Path(name), words.rounds, words.megabytes, words.threads))


if __name__ == "__main__":
    sys.exit(main())
