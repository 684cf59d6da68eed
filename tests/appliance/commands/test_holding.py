"""Standing still: the supervisor drains its box, runs what it is asked to, waits, and becomes another."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from appliance.commands.holding import Hold, Step, read_hold
from appliance.commands.pid_lock import holder
from appliance.settings.layout import StateLayout

ROOT = Path(__file__).resolve().parents[3]
NONCE, TRIAL = "a" * 16, "b" * 16
LAUNCHER = """\
#!/bin/sh
# A release: tells what was asked of it, whether it has the key, and waits when it serves.
echo "{name} $* fd=$(test -e /proc/self/fd/${{WARDBOX_KEY_FD:-none}} && echo yes || echo no)" >> {log}
case "$1" in
    supervise) PYTHONPATH={root} exec {python} -m tests.appliance.commands.small_supervisor {name} ;;
    trial) exit {status} ;;
esac
"""


class Boxes:
    """A state directory, two releases that write down what is asked of them, and a supervisor."""

    def __init__(self, folder: Path) -> None:
        self.layout = StateLayout(folder / "s")
        self.layout.run.mkdir(parents=True)
        self.place = self.layout.software
        self.log = folder / "log"
        self.lock: int | None = None
        for name, status in (("one", 0), ("two", 0), ("bad", 9)):
            self.release(name, status)
        self.lead("one")

    def release(self, name: str, status: int) -> None:
        path = self.place / "releases" / name / "wardbox"
        path.parent.mkdir(parents=True)
        told = {"name": name, "log": self.log, "root": ROOT, "python": sys.executable}
        path.write_text(LAUNCHER.format(status=status, **told))
        path.chmod(0o755)

    def lead(self, name: str) -> None:
        fresh = self.place / "fresh"
        fresh.symlink_to(f"releases/{name}")
        fresh.replace(self.place / "current")

    def hold(self, *steps: tuple[str, str]) -> None:
        rows = [
            {
                "release": str(self.place / "releases" / name),
                "word": word,
                "trial": TRIAL,
                "seconds": 60,
            }
            for name, word in steps
        ]
        (self.place / "hold.json").write_text(json.dumps({"nonce": NONCE, "steps": rows}))
        self.take_lock()

    def take_lock(self) -> None:
        self.lock = os.open(self.place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def let_lock_go(self) -> None:
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def held(self) -> dict[str, object] | None:
        try:
            found: dict[str, object] = json.loads((self.layout.run / "held.json").read_bytes())
        except FileNotFoundError:
            return None
        return found


@pytest.fixture
def boxes(tmp_path: Path):
    made = Boxes(tmp_path)
    environ = {"PATH": os.environ["PATH"], "WARDBOX_STATE": str(made.layout.root)}
    process = subprocess.Popen([made.place / "releases/one/wardbox", "supervise"], env=environ)
    made.pid = process.pid
    until(lambda: holder(made.layout.supervise_pid) == process.pid and "one serves" in made.lines())
    yield made
    made.let_lock_go()
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def until(holds, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_box_stands_still_with_its_key_and_goes_on_as_another(boxes: Boxes) -> None:
    boxes.hold(("one", "snapshot"), ("two", "rehearse"))
    os.kill(boxes.pid, signal.SIGHUP)
    until(lambda: boxes.held() is not None)
    assert boxes.held() == {"nonce": NONCE, "statuses": [0, 0]}
    assert boxes.lines()[-3:] == [
        "one ends",
        f"one trial snapshot --id {TRIAL} fd=yes",
        f"two trial rehearse --id {TRIAL} fd=yes",
    ]
    boxes.lead("two")
    (boxes.place / "hold.json").unlink()
    until(lambda: "two serves" in boxes.lines())
    assert holder(boxes.layout.supervise_pid) == boxes.pid, "the very same process"
    assert "two supervise fd=yes" in boxes.lines()
    assert boxes.lines()[-1] == "two serves"
    assert "two has the key of one" in boxes.lines()


@pytest.mark.slow
def test_a_program_that_fails_is_the_last_one(boxes: Boxes) -> None:
    boxes.hold(("bad", "snapshot"), ("two", "rehearse"))
    os.kill(boxes.pid, signal.SIGHUP)
    until(lambda: boxes.held() is not None)
    assert boxes.held() == {"nonce": NONCE, "statuses": [9]}
    assert not any("rehearse" in line for line in boxes.lines())


@pytest.mark.slow
def test_who_dies_while_holding_holds_nobody(boxes: Boxes) -> None:
    boxes.hold()
    os.kill(boxes.pid, signal.SIGHUP)
    until(lambda: boxes.held() is not None)
    boxes.let_lock_go()
    until(lambda: boxes.lines().count("one serves") == 2)
    assert boxes.held() is None


def test_a_hold_of_nobody_who_lives_is_none(tmp_path: Path) -> None:
    made = Boxes(tmp_path)
    made.hold(("one", "snapshot"))
    release = made.place / "releases/one"
    assert read_hold(made.place) == Hold(NONCE, (Step(release, "snapshot", TRIAL, 60.0),))
    made.let_lock_go()
    assert read_hold(made.place) is None


HOSTILE = textwrap.dedent("""\
    {}
    []
    {"nonce": "x", "steps": []}
    {"nonce": 5, "steps": []}
    {"nonce": "NONCE", "steps": [{"release": "bin", "word": "snapshot", "trial": "TRIAL", "seconds": 1}]}
    {"nonce": "NONCE", "steps": [{"release": "/bin", "word": "supervise", "trial": "TRIAL", "seconds": 1}]}
    {"nonce": "NONCE", "steps": [{"release": "/bin", "word": "snapshot", "trial": "--help", "seconds": 1}]}
    {"nonce": "NONCE", "steps": [{"release": "/bin", "word": "snapshot", "trial": "TRIAL", "seconds": 1e9}]}
    {"nonce": "NONCE", "steps": [{"release": "/bin", "word": "snapshot", "trial": "TRIAL", "seconds": -1}]}
    {"nonce": "NONCE", "steps": [{"word": "snapshot"}]}""")


@pytest.mark.parametrize("raw", HOSTILE.splitlines())
def test_a_hold_is_read_with_care(tmp_path: Path, raw: str) -> None:
    made = Boxes(tmp_path)
    made.take_lock()
    text = raw.replace("NONCE", NONCE).replace("TRIAL", TRIAL)
    (made.place / "hold.json").write_text(text)
    assert read_hold(made.place) is None
    made.let_lock_go()
