"""A worker for tests: `python fake_worker.py MODE` reads its spec and behaves well or badly."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def say(**line):
    print(json.dumps(line), flush=True)


def count(spec, steps=5, pause=0.0):
    """Count to `steps`, resuming from the checkpoint file; SIGTERM writes it and exits 75."""
    place = Path(spec["directory"]) / "checkpoint"
    step = int(place.read_text()) if place.exists() else 0
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    while step < steps:
        step += 1
        place.write_text(str(step))
        say(event="progress", step=step)
        if stop:
            sys.exit(75)
        time.sleep(pause)
    say(event="done", result={"steps": step, "spec": spec, "env": sorted(os.environ)})


def stubborn(_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(event="progress", pid=os.getpid())
    time.sleep(600)


def error(_):
    say(event="error", code="training.oom", sentence="内存不足。 Out of memory.", way_out="缩小。")
    sys.exit(1)


def garbage(_):
    sys.stdout.buffer.write(b"\xff\xfe garbage {]\n" * 20 + b'[1]\n{"event": 5}\n' + b"[" * 9000)


def noise(spec):
    print("a library says hello")
    count(spec)


def flood(_):
    line = b'{"event":"progress","x":1}\n' * 1000
    while True:
        sys.stdout.buffer.write(line)


def liar(_):
    say(event="done", result={})
    sys.exit(3)


def linger(_):
    say(event="done", result={"ok": True})
    os.close(1)
    time.sleep(0.2)


def deaf(_):
    sys.stdin.close()
    say(event="done", result={})


MODES = {
    "count": count,
    "slow": lambda spec: count(spec, steps=int(spec.get("steps", 1000)), pause=0.05),
    "stubborn": stubborn,
    "error": error,
    "garbage": garbage,
    "noise": noise,
    "flood": flood,
    "long": lambda _: sys.stdout.buffer.write(b"x" * 3_000_000 + b"\n"),
    "nothing": lambda _: None,
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": lambda _: time.sleep(600),
    "liar": liar,
    "linger": linger,
    "deaf": deaf,
}


if __name__ == "__main__":
    MODES[sys.argv[1]](json.loads(sys.stdin.readline()))
