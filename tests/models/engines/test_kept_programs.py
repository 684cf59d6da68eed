"""Programs under the keeper: their environment, their end, their logs, and one that is not there."""

import asyncio
import signal
import sys
import time

import pytest

from models.engines.process import ProcessKeeper, run_tool
from models.errors import EngineMissing


async def until(condition, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_program_gets_the_environment_it_was_given_and_no_more() -> None:
    kept = await ProcessKeeper().start(["env"], {"PATH": "/usr/bin:/bin", "ONE": "a b'\"$x"})
    assert (await kept.wait()).code == 0
    assert sorted(kept.tail()) == ["ONE=a b'\"$x", "PATH=/usr/bin:/bin"]


async def test_a_stubborn_program_is_ended() -> None:
    script = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
    kept = await ProcessKeeper().start(
        [sys.executable, "-c", script + "time.sleep(60)"], {"PATH": "/usr/bin"}
    )
    assert await until(lambda: kept.tail() == ("up",))
    ended = await kept.stop(grace_s=0.2)
    assert ended.code == -signal.SIGKILL
    assert ended.asked


async def test_logs_are_bounded_and_inert() -> None:
    script = "print('\\x1b[2Jx' * 10); print('y' * 5_000_000); [print(n) for n in range(1000)]"
    kept = await ProcessKeeper().start([sys.executable, "-c", script], {})
    assert (await kept.wait()).code == 0
    assert len(kept.tail()) == 200
    assert kept.tail()[-1] == "999"
    assert all(line.isprintable() and len(line) <= 400 for line in kept.tail())


async def test_a_missing_program_is_a_sentence() -> None:
    for argv in (["/none/llama-server"], []):
        with pytest.raises(EngineMissing):
            await ProcessKeeper().start(argv, {})
    assert run_tool(["no-such-tool"]) is None
    assert run_tool(["echo", "hi"]) == "hi\n"
    with pytest.raises(OSError, match="false"):
        run_tool(["false"])
    with pytest.raises(TimeoutError):
        run_tool(["sleep", "5"], timeout_s=0.1)
