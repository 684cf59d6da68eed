"""A supervisor that dies: what it started dies with it, and is not even begun when it is dead by then."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PARENT = """
import os, sys, time
from appliance.commands.supervise import _spawn
sys.executable = sys.argv[1]
print(_spawn(os.environ), flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def until(condition, seconds: float = 60.0) -> bool:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize("late", [False, True])
def test_a_box_does_not_outlive_its_supervisor(tmp_path, late):
    """`late`: the supervisor is dead before anybody could ask the kernel to tell of its death."""
    begun, dead, tools = tmp_path / "begun", tmp_path / "dead", tmp_path / "tools"
    tools.mkdir()
    serve = script(tmp_path / "serve", f"echo \"$@\" >'{begun}'; exec sleep 600")
    if late:
        wait = f"while [ ! -e '{dead}' ]; do sleep 0.01; done; PATH=${{PATH#*:}}"
        script(tools / "setpriv", f'{wait}\nexec setpriv "$@"')
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-c", PARENT, serve]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        try:
            assert late or until(lambda: begun.exists() and begun.read_text("ascii"))
            assert not gone(child)
            parent.kill()
            parent.wait()
            dead.touch()
            assert until(lambda: gone(child))
        finally:
            parent.kill()
            if not gone(child):
                os.kill(child, signal.SIGKILL)
    if late:
        assert not begun.exists()
    else:
        assert begun.read_text("ascii") == "-m appliance serve\n"
