"""Batches and courses: fast streams, broken streams, figures that are none."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from appliance.contract.job import JobEvent
from tests.fakes.paper import NOON
from tui.curve import Course
from tui.streams import batched


async def _count(to: int, *, fail: bool = False) -> AsyncIterator[int]:
    for n in range(to):
        yield n
    if fail:
        raise OSError("gone")


async def test_everything_arrives_once_and_in_order() -> None:
    batches = [batch async for batch in batched(_count(5000), 0)]
    assert [n for batch in batches for n in batch] == list(range(5000))
    assert len(batches) < 5000


async def test_what_came_before_a_break_arrives_before_it() -> None:
    seen: list[int] = []

    async def collect() -> None:
        async for batch in batched(_count(7, fail=True), 0.01):
            seen.extend(batch)

    with pytest.raises(OSError, match="gone"):
        await collect()
    assert seen == list(range(7))


async def test_leaving_early_ends_the_source() -> None:
    ended = asyncio.Event()

    async def forever() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            ended.set()

    stream = batched(forever(), 0)
    async for _ in stream:
        break
    await stream.aclose()
    await asyncio.wait_for(ended.wait(), 60)


def _event(index: int, event: str = "progress", **data: object) -> JobEvent:
    return JobEvent(index=index, job="j", event=event, time=NOON, data=data)


def test_a_course_takes_each_event_once() -> None:
    course = Course()
    for event in (
        _event(1, step=1, loss=3.0),
        _event(2, step=2, loss=2.0),
        _event(2, step=2, loss=2.0),
    ):
        course.take(event)
    assert (course.steps, course.values) == ([1, 2], [3.0, 2.0])


def test_a_resumed_job_goes_on_from_its_checkpoint() -> None:
    course = Course()
    for index, step in enumerate((1, 2, 3, 2, 3), start=1):
        course.take(_event(index, step=step, loss=float(index), smooth_loss=1.0))
    assert (course.steps, course.values, len(course.smooth)) == ([1, 2, 3], [1.0, 4.0, 5.0], 3)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), "2.0", None, True, [], {}])
def test_a_figure_that_is_none_is_not_drawn(loss: object) -> None:
    course = Course()
    course.take(_event(1, step=1, loss=loss))
    assert course.steps == []


def test_an_evaluation_is_drawn_by_its_share() -> None:
    course = Course()
    course.take(_event(1, step=10, steps=50, passed=9, answered=10))
    course.take(_event(2, "done"))
    assert course.values == [0.9]
    assert course.ended
