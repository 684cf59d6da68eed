"""What is said of the time an update takes rests on what was measured, and says so."""

from contextlib import suppress
from pathlib import Path

import pytest

from appliance.updates import pace
from appliance.updates.errors import StickUnreadable, UpdateInterrupted
from appliance.updates.pace import CAUTIOUS_COPY, CAUTIOUS_MAKE, Measure, Rate, Stopwatch, pace_of
from tests.appliance.updates.conftest import Box
from tests.installer.vendor.yard import Yard

MB = 1_000_000


def measure(step: str, bundle: str, rate: int, size: int = 100 * MB) -> Measure:
    return Measure(step, bundle, size, size / (rate * MB))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measures", "copy", "make"),
    [
        ([], (CAUTIOUS_COPY, "assumed"), (CAUTIOUS_MAKE, "assumed")),
        ([measure("read", "this", 30)], (30 * MB, "stick"), (CAUTIOUS_MAKE, "assumed")),
        ([measure("read", "other", 30)], (CAUTIOUS_COPY, "assumed"), (CAUTIOUS_MAKE, "assumed")),
        ([measure("copy", "other", 40)], (40 * MB, "earlier"), (CAUTIOUS_MAKE, "assumed")),
        # The slower half of a copy may be the disk.
        ([measure("read", "this", 90), measure("copy", "other", 40)], (40 * MB, "stick"), None),
        ([measure("copy", "this", 20), measure("read", "this", 90)], (20 * MB, "stick"), None),
        ([measure("copy", "this", 20), measure("copy", "this", 5)], (20 * MB, "stick"), None),
        (
            [
                measure(step, "o", rate)
                for rate in (1, 50, 60, 70, 900, 2)
                for step in ("copy", "make")
            ],
            (60 * MB, "earlier"),
            (60 * MB, "earlier"),
        ),
    ],
)
def test_what_was_measured_decides(
    measures: list[Measure], copy: tuple[int, str], make: tuple[int, str] | None
) -> None:
    found = pace_of("this", measures)
    assert (found.copy.known, found.make.known) == (copy[1], make[1] if make else "assumed")
    assert abs(found.copy.bytes_s - copy[0]) <= 1
    if make:
        assert abs(found.make.bytes_s - make[0]) <= 1
    assert found.seconds(10 * found.copy.bytes_s, 5 * found.make.bytes_s) == 16


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_step_that_is_cut_short_counts_for_what_it_did() -> None:
    clock, kept = Clock(), list[Measure]()
    watch = Stopwatch(clock, kept.append, lambda *_: None)
    with watch.timing("copy", "b", 200 * MB):
        clock.now += 4
    cut: tuple[tuple[pace.Step, int, int], ...] = (("copy", 150 * MB, 300 * MB), ("make", 0, 1))
    for step, done, total in cut:
        with suppress(UpdateInterrupted), watch.timing(step, "b", 200 * MB, before=100 * MB):
            watch.tell(step, "x", done, total)
            clock.now += 1
            raise UpdateInterrupted
    with watch.timing("copy", "b", 1000):
        clock.now += 1
    with watch.timing("copy", "b", 200 * MB):
        pass
    assert [(one.size, one.seconds) for one in kept] == [(200 * MB, 4.0), (50 * MB, 1.0)]


def test_the_plan_tells_what_it_rests_on(
    box: Box, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything, after a verification of this stick, after a try that was cut short, after all."""
    monkeypatch.setattr(pace, "LEAST", 1)
    first = box.updates.plan(stick, "user:ann")
    assert (first.pace.copy, first.pace.make) == (
        Rate(CAUTIOUS_COPY, "assumed"),
        Rate(CAUTIOUS_MAKE, "assumed"),
    )
    assert first.left == first.copies > 0
    box.updates.verify(stick, "user:ann")
    second = box.updates.plan(stick, "user:ann")
    assert (second.pace.copy.known, second.pace.make.known) == ("stick", "assumed")

    def pulled(step: str, name: str, done: int, total: int) -> None:
        del name, total
        if step == "copy" and done:
            raise StickUnreadable(name="x", reason="x")

    with pytest.raises(StickUnreadable):
        box.updates.apply(stick, "user:ann", pulled)
    third = box.updates.plan(stick, "user:ann")
    assert third.left < third.copies
    box.updates.apply(stick, "user:ann")
    last = box.updates.plan(stick, "user:ann")
    assert (last.pace.copy.known, last.pace.make.known) == ("stick", "earlier")
    assert last.left == 0


def test_other_sticks_tell_of_the_next(
    box: Box, yard: Yard, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LEAST", 1)
    box.updates.apply(stick, "user:ann")
    yard.add("demo-2")
    yard.build(tmp_path / "next")
    plan = box.updates.plan(tmp_path / "next", "user:ann")
    assert (plan.pace.copy.known, plan.pace.make.known) == ("earlier", "earlier")


def test_only_the_last_hundred_are_kept(box: Box) -> None:
    for _ in range(120):
        box.updates._keep(measure("read", "this", 30))
    assert len(box.updates._store.rates()) == 100
