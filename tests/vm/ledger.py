"""What was seen: a log of the scenes, and which steps of a run are done, so that it can go on."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.vm.places import Places


class UnexpectedError(Exception):
    """The machine is not as a scene demands."""


class Ledger:
    """Writes what happens to the screen and to the log of the run.

    Args:
        places: where the run is.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """One line, with the seconds since this run began."""
        text = f"{time.monotonic() - self._began:7.1f}  {line}"
        print(text, flush=True)
        with self._places.log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def require(self, what: str, *, holds: bool, seen: str = "") -> None:
        """State something that must be so; what was seen instead is told."""
        if not holds:
            self.say(f"   ✗ {what}")
            raise UnexpectedError(f"{what}: {seen[-2000:]}")
        self.say(f"   ✓ {what}")

    @contextmanager
    def scene(self, name: str, title: str) -> Iterator[None]:
        """A scene; it is done when the block ends without an error."""
        began, worked = time.monotonic(), _worked()
        self.say(f"== {title}")
        yield
        took, work = time.monotonic() - began, _worked() - worked
        self.keep(name, took)
        self.say(f"== {name}: {took:.0f} s; processor time of the emulator {work:.0f} s")

    def done(self) -> dict[str, object]:
        """What earlier runs in this directory kept, by name."""
        try:
            return dict(json.loads(self._places.steps.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def keep(self, name: str, value: object) -> None:
        """Remember something for a later run; the secrets of a box that lives in a test only, too."""
        kept = {**self.done(), name: value}
        self._places.steps.write_text(json.dumps(kept), encoding="utf-8")

    def forget(self, *names: str) -> None:
        """As if these had never been kept."""
        kept = {name: value for name, value in self.done().items() if name not in names}
        self._places.steps.write_text(json.dumps(kept), encoding="utf-8")


def _worked() -> float:
    """Processor seconds of the programs that this one started and that have ended.

    On a busy computer a scene takes many times as long; this changes far less.
    """
    times = os.times()
    return times.children_user + times.children_system
