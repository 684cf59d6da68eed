"""The life of an engine as a table: states, events, and the only moves there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.card import Bilingual
from models.engines.explain import Failure


class State(StrEnum):
    """Where an engine stands."""

    ABSENT = "absent"
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to it."""

    START = "start"
    SPAWNED = "spawned"
    HEALTHY = "healthy"
    DIED = "died"
    SICK = "sick"
    DRAIN = "drain"
    STOP = "stop"
    DRAINED = "drained"


MOVES: Final[Mapping[State, Mapping[Event, State]]] = {
    State.ABSENT: {Event.START: State.STARTING, Event.STOP: State.STOPPED},
    State.STARTING: {
        Event.SPAWNED: State.LOADING,
        Event.DIED: State.FAILED,
        Event.STOP: State.STOPPED,
    },
    State.LOADING: {
        Event.HEALTHY: State.READY,
        Event.DIED: State.FAILED,
        Event.SICK: State.FAILED,
        Event.STOP: State.STOPPED,
    },
    State.READY: {
        Event.DIED: State.FAILED,
        Event.SICK: State.FAILED,
        Event.DRAIN: State.DRAINING,
        Event.STOP: State.STOPPED,
    },
    State.DRAINING: {
        Event.DRAINED: State.STOPPED,
        Event.DIED: State.STOPPED,
        Event.STOP: State.STOPPED,
    },
    State.FAILED: {Event.START: State.STARTING, Event.STOP: State.STOPPED},
    State.STOPPED: {Event.START: State.STARTING},
}


def move(state: State, event: Event) -> State:
    """The state after an event.

    Raises:
        ValueError: The table has no such move; that is a defect of the caller.
    """
    after = MOVES[state].get(event)
    if after is None:
        raise ValueError(f"{state} knows no {event}")
    return after


class Goal(StrEnum):
    """What callers want of an engine."""

    NOTHING = "nothing"
    READY = "ready"
    DRAINED = "drained"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A picture of one engine.

    Attributes:
        state: Where it stands.
        progress: Share of the model loaded, 0 to 1.
        restarts: Starts after the first.
        pid: Process id, None when none runs.
        in_flight: Requests being answered.
        reason: Why it last failed.
        retry_after_s: Seconds after which asking again makes sense.
        phase: What it does while loading: "start", "weights", "cache", "warmup" or "ready".
        failure: The same as `reason`, with its code and the way out.
    """

    state: State
    progress: float
    restarts: int
    pid: int | None
    in_flight: int
    reason: Bilingual | None
    retry_after_s: int
    phase: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of a deep check: whether a real token came, and after how long."""

    ok: bool
    latency_ms: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Patience, in seconds and counts.

    Attributes:
        load_s: How long loading may take.
        poll_s: Pause between two looks while loading.
        health_s: Pause between two health checks while ready.
        probe_s: How long a health check may take.
        strikes: Failed health checks in a row that make an engine sick.
        hung_s: How long an engine with work may give nothing; above the prefill of a long prompt.
        drain_s: How long running requests may take to end.
        grace_s: How long a process may take to end when told to.
        backoff_s: Pause after the first failure; it doubles with each.
        backoff_most_s: Longest pause between two starts.
        steady_s: Seconds of readiness after which failures are forgotten at the latest.
    """

    load_s: float = 900.0
    poll_s: float = 0.05
    health_s: float = 15.0
    probe_s: float = 30.0
    strikes: int = 3
    hung_s: float = 180.0
    drain_s: float = 60.0
    grace_s: float = 10.0
    backoff_s: float = 0.5
    backoff_most_s: float = 60.0
    steady_s: float = 120.0


_STEADY_PAUSES: Final = 10


def backoff(failures: int, limits: Limits) -> float:
    """Seconds to wait before the next start after `failures` failures in a row."""
    if failures <= 0:
        return 0.0
    doubled = limits.backoff_s * 2.0 ** min(failures - 1, 30)
    return min(limits.backoff_most_s, doubled)


def steady(failures: int, limits: Limits) -> float:
    """Seconds of readiness after which failures are forgotten.

    Ten times the pause that came before: an engine that is killed again and again, but serves well
    between, is away for a small share of the time, and one that dies at once waits ever longer.
    """
    return min(limits.steady_s, _STEADY_PAUSES * backoff(failures, limits))
