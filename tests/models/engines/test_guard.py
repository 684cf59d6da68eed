"""Nothing that an engine starts outlives it, its guard or the box, however any of them dies."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from models.engines.log_filter import LogFilter
from models.engines.memory import out_of_memory_kills
from models.engines.process import Listening, ProcessKeeper

# An engine with two workers: one in its group, one that has detached itself from everything.
ENGINE = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(120)"]
near = subprocess.Popen(sleep)
far = subprocess.Popen(sleep, start_new_session=True)
print(os.getpid(), near.pid, far.pid, flush=True)
how = sys.argv[1]
if how == "exit":
    sys.exit(7)
if how == "abort":
    os.abort()
time.sleep(120)
"""
OWNER = """
import asyncio, sys
from models.engines.process import Listening, ProcessKeeper
async def main():
    argv = [sys.executable, "-c", sys.argv[1], "stay"]
    kept = await ProcessKeeper().start(argv, {}, listening=Listening(guarded=True))
    while not kept.tail():
        await asyncio.sleep(0.01)
    print(kept.pid, kept.tail()[0], flush=True)
    await asyncio.sleep(120)
asyncio.run(main())
"""


def gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


async def all_gone(pids: list[int], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(map(gone, pids)):
            return True
        await asyncio.sleep(0.02)
    return False


async def start(how: str):
    argv = [sys.executable, "-c", ENGINE, how]
    kept = await ProcessKeeper().start(argv, {}, listening=Listening(guarded=True))
    while not kept.tail():  # noqa: ASYNC110  (a process sets no event)
        await asyncio.sleep(0.01)
    return kept, [int(word) for word in kept.tail()[0].split()]


async def test_kill_nine_of_the_box_takes_every_worker_along() -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, ENGINE, stdout=asyncio.subprocess.PIPE
    )
    pids = [int(word) for word in (await owner.stdout.readline()).split()]
    assert len(pids) == 4
    assert not any(map(gone, pids))
    owner.kill()
    await owner.wait()
    assert await all_gone(pids)


@pytest.mark.parametrize(("how", "code"), [("exit", 7), ("abort", -signal.SIGABRT)])
async def test_an_engine_that_ends_takes_its_workers_along(how: str, code: int) -> None:
    kept, pids = await start(how)
    ended = await asyncio.wait_for(kept.wait(), 20)
    assert ended.code == code
    assert await all_gone(pids)


async def test_a_killed_engine_is_told_from_its_guard() -> None:
    kept, pids = await start("stay")
    os.kill(pids[0], signal.SIGKILL)
    ended = await asyncio.wait_for(kept.wait(), 20)
    assert ended.code == -signal.SIGKILL
    assert ended.reason.code == "killed"
    assert await all_gone(pids)


async def test_a_killed_guard_leaves_no_engine_behind() -> None:
    kept, pids = await start("stay")
    # The engine is tied to its guard and the near worker to the group. A worker that has detached
    # itself would survive the death of the guard alone, and only that.
    os.kill(pids[2], signal.SIGKILL)
    os.kill(kept.pid, signal.SIGKILL)
    ended = await asyncio.wait_for(kept.wait(), 20)
    assert ended.code == -signal.SIGKILL
    assert await all_gone(pids)


async def test_stopping_ends_every_worker() -> None:
    kept, pids = await start("stay")
    ended = await kept.stop(grace_s=5)
    assert ended.asked
    assert await all_gone(pids)


async def test_a_missing_program_behind_a_guard_is_an_exit() -> None:
    kept = await ProcessKeeper().start(["/bin/true"], {}, listening=Listening(guarded=True))
    assert (await kept.wait()).code == 0


async def test_a_secret_is_blanked_out_before_and_after_requests() -> None:
    script = "print('key sekret-1'); print('x' * 50)"
    words = LogFilter(("sekret-1",))
    kept = await ProcessKeeper().start(
        [sys.executable, "-c", script], {}, listening=Listening(words)
    )
    await kept.wait()
    assert kept.tail() == ("key ***", "x" * 50)


def test_a_control_group_counts_its_own_kills(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/vmstat").write_text("nr_free_pages 1\noom_kill 40\n")
    assert out_of_memory_kills(tmp_path) == 40
    (tmp_path / "proc/self/cgroup").write_text("0::/box.service\n")
    assert out_of_memory_kills(tmp_path) == 40
    group = tmp_path / "sys/fs/cgroup/box.service"
    group.mkdir(parents=True)
    (group / "memory.events").write_text("low 0\nhigh 2\nmax 9\noom 1\noom_kill 3\n")
    assert out_of_memory_kills(tmp_path) == 3
    (group / "memory.events").write_text("oom_kill nonsense\n")
    assert out_of_memory_kills(tmp_path) == 40
