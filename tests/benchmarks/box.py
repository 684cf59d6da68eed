"""Measures a running box: a note end to end, its memory when idle, the start of a command.

Run with a box that is up and unlocked: `WARDBOX_STATE=... python -m tests.benchmarks.box`.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from appliance.client.session import Session
from appliance.settings.layout import StateLayout, state_directory
from models.reference.sampling import sample_facts

ROOT = Path(__file__).resolve().parents[2]
NOTES = 20
STARTS = 15
NOTE_GOAL_S = 5.0
HELP_GOAL_S = 0.3
IDLE_GOAL_MB = 600


async def draft_notes(socket: Path) -> list[float]:
    """Wall seconds of drafting notes for unseen patients, one after the other."""
    rng = random.Random(20)
    seconds = []
    async with Session.local(socket) as session:
        for _ in range(NOTES):
            facts = sample_facts(rng, "ordinary", split="unseen").to_json()
            began = time.perf_counter()
            await session.draft(facts)
            seconds.append(time.perf_counter() - began)
    return seconds


def idle_memory(supervisor: int) -> list[tuple[str, float]]:
    """Proportional set size in MB of every process of the box: shared pages are counted once."""
    top = psutil.Process(supervisor)
    return [
        (" ".join(process.cmdline()[:4])[-60:], process.memory_full_info().pss / 1e6)
        for process in (top, *top.children(recursive=True))
    ]


def start_seconds(argv: list[str]) -> list[float]:
    """Wall seconds of starting a program, several times."""
    seconds = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> int:
    layout = StateLayout(state_directory(os.environ))
    if not layout.socket.exists():
        print(f"no box is running in {layout.root}: start one with ./wardbox supervise --detach")
        return 1
    notes = asyncio.run(draft_notes(layout.socket))
    median = statistics.median(notes)
    print(f"note end to end: median {median:.2f} s, worst {max(notes):.2f} s of {NOTES}")
    print(f"  goal {NOTE_GOAL_S} s: {median / NOTE_GOAL_S:.2f} of it")
    time.sleep(5)
    rows = idle_memory(int(layout.supervise_pid.read_text()))
    total = sum(mb for _, mb in rows)
    for name, mb in rows:
        print(f"  {mb:7.1f} MB  {name}")
    print(f"box idle: {total:.0f} MB, goal {IDLE_GOAL_MB} MB: {total / IDLE_GOAL_MB:.2f} of it")
    bare = statistics.median(start_seconds([sys.executable, "-c", "pass"]))
    shown = statistics.median(start_seconds([str(ROOT / "wardbox"), "--help"]))
    print(f"wardbox --help: {shown:.3f} s, {shown / bare:.1f} x a bare Python ({bare:.3f} s)")
    print(f"  goal {HELP_GOAL_S} s: {shown / HELP_GOAL_S:.2f} of it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
