"""The course of a job, read from its events: loss over steps, or the share passed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.contract.job import JobEvent

MOST_POINTS = 20_000
ENDED = frozenset({"done", "failed", "cancelled", "interrupted"})


def figure(data: Mapping[str, Any], key: str) -> float | None:
    """A finite number under `key`, or None."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


@dataclass(slots=True)
class Course:
    """What the events of one job have told so far.

    Attributes:
        steps: the abscissa of every point.
        values: loss in nats per token for training, share passed (0 to 1) for an evaluation.
        smooth: the smoothed loss where the worker gives one, else empty.
    """

    after: int = 0
    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    smooth: list[float] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    def take(self, event: JobEvent) -> None:
        """Add one event; one seen before is left out, a resumed job goes back to its checkpoint."""
        if event.index <= self.after:
            return
        self.after = event.index
        self.ended = event.event in ENDED
        if event.event == "progress":
            self.last = dict(event.data)
            self._plot(event.data)

    def _plot(self, data: Mapping[str, Any]) -> None:
        step, value = figure(data, "step"), _value(data)
        if step is None or value is None or len(self.steps) >= MOST_POINTS:
            return
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.values.pop()
            del self.smooth[len(self.steps) :]
        smooth = figure(data, "smooth_loss")
        if smooth is not None and len(self.smooth) == len(self.steps):
            self.smooth.append(smooth)
        self.steps.append(step)
        self.values.append(value)


def _value(data: Mapping[str, Any]) -> float | None:
    loss = figure(data, "loss")
    if loss is not None:
        return loss
    passed, answered = figure(data, "passed"), figure(data, "answered")
    return None if passed is None or not answered else passed / answered
