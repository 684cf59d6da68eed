"""How fast this box takes updates in: measured while it does, and what is said before that."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

Step = Literal["read", "copy", "make"]
"""Reading a stick alone; reading it and writing what it holds; putting packages together."""
Known = Literal["stick", "earlier", "assumed"]
"""Measured on this very stick; in earlier updates of this box; not measured at all."""

LEAST: Final = 16 << 20
"""Bytes from which a measure counts: below, caches and fixed costs are what is measured."""
CAUTIOUS_COPY: Final = 15 << 20
"""Bytes a second of a slow stick at USB 2.0, while nothing is known."""
CAUTIOUS_MAKE: Final = 40 << 20
"""Bytes a second that a slow disk reads, hashes and writes again, while nothing is known."""
_NEWEST: Final = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that was timed.

    Attributes:
        step: What was done.
        bundle: With which bundle.
        size: Bytes.
        seconds: How long it took.
    """

    step: Step
    bundle: str
    size: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.size / self.seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """What is expected.

    Attributes:
        bytes_s: Bytes a second.
        known: Where that comes from.
    """

    bytes_s: int
    known: Known


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a bundle will come in.

    Attributes:
        copy: From the stick to the disk.
        make: Putting together, judging and placing what came.
    """

    copy: Rate
    make: Rate

    def seconds(self, copied: int, made: int) -> int:
        """How long so many bytes take, rounded up to a second."""
        return 1 + round(copied / self.copy.bytes_s + made / self.make.bytes_s)


UNKNOWN: Final = Pace(Rate(CAUTIOUS_COPY, "assumed"), Rate(CAUTIOUS_MAKE, "assumed"))


def pace_of(bundle: str, measures: Sequence[Measure]) -> Pace:
    """What to expect of a bundle.

    A copy of this very stick that was cut short counts most; then reading it, though its disk may be
    the slower half; then what earlier sticks showed.

    Args:
        bundle: Its id.
        measures: Newest first.
    """
    copies = [one for one in measures if one.step == "copy"]
    reads = [one for one in measures if one.step == "read" and one.bundle == bundle]
    ours = [one for one in copies if one.bundle == bundle]
    makes = [one for one in measures if one.step == "make"]
    copy = UNKNOWN.copy
    if ours:
        copy = _rate(ours[:1], "stick")
    elif reads:
        slower = min([reads[0].rate, *(_middle(copies) for _ in copies[:1])])
        copy = Rate(max(1, int(slower)), "stick")
    elif copies:
        copy = _rate(copies, "earlier")
    return Pace(copy, _rate(makes, "earlier") if makes else UNKNOWN.make)


def _rate(measures: Sequence[Measure], known: Known) -> Rate:
    return Rate(max(1, int(_middle(measures))), known)


def _middle(measures: Sequence[Measure]) -> float:
    return median(one.rate for one in measures[:_NEWEST])


class Stopwatch:
    """Times the steps of one bundle, also those that were cut short.

    Args:
        monotonic: Seconds that no one can set.
        keep: Takes each measure that counts.
        told: Whom it tells on.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        keep: Callable[[Measure], None],
        told: Callable[[str, str, int, int], None],
    ) -> None:
        self._monotonic = monotonic
        self._keep = keep
        self._told = told
        self._done = 0

    def tell(self, step: str, name: str, done: int, total: int) -> None:
        """Told how far it is; tells on."""
        if total > 1:
            self._done = done
        self._told(step, name, done, total)

    @contextmanager
    def timing(self, step: Step, bundle: str, size: int, before: int = 0) -> Iterator[None]:
        """Time what is inside.

        Args:
            step: What it is.
            bundle: With which bundle.
            size: Bytes, once it is done.
            before: Bytes that it will tell of and that were there already.
        """
        began, self._done = self._monotonic(), 0
        whole = False
        try:
            yield
            whole = True
        finally:
            seconds = self._monotonic() - began
            done = size if whole else min(size, max(0, self._done - before))
            if done >= LEAST and seconds > 0 and (whole or step != "make"):
                self._keep(Measure(step, bundle, done, seconds))
