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


def main(mode):
    spec = json.loads(sys.stdin.readline())
    if mode == "count":
        count(spec)
    elif mode == "slow":
        count(spec, steps=int(spec.get("steps", 1000)), pause=0.05)
    elif mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(event="progress", pid=os.getpid())
        time.sleep(600)
    elif mode == "error":
        say(
            event="error",
            code="training.oom",
            sentence="内存不足。 Out of memory.",
            way_out="缩小。 Smaller.",
        )
        sys.exit(1)
    elif mode == "garbage":
        sys.stdout.buffer.write(
            b"\xff\xfe garbage {]\n" * 20 + b"[1]\n" + b'{"event": 5}\n' + b"[" * 9000
        )
    elif mode == "noise":
        print("a library says hello")
        count(spec)
    elif mode == "flood":
        line = b'{"event":"progress","x":1}\n' * 1000
        while True:
            sys.stdout.buffer.write(line)
    elif mode == "long":
        sys.stdout.buffer.write(b"x" * 3_000_000 + b"\n")
    elif mode == "nothing":
        pass
    elif mode == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mode == "hang":
        time.sleep(600)
    elif mode == "liar":
        say(event="done", result={})
        sys.exit(3)
    elif mode == "linger":
        say(event="done", result={"ok": True})
        os.close(1)
        time.sleep(0.2)
    elif mode == "deaf":
        sys.stdin.close()
        say(event="done", result={})


if __name__ == "__main__":
    main(sys.argv[1])
