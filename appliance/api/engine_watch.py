"""Follows the engines' states from second to second: what changed, and how often one fell."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.serving.service import ServedEngine
from appliance.telemetry.facts import EngineFacts
from models.engines.lifecycle_table import EngineStatus

RECENT_S: Final = 600.0
_MOST: Final = 256
_MEMORY: Final = "memory"
_FAILED: Final = "failed"


@dataclass(slots=True)
class _Followed:
    state: str = ""
    restarts: int = 0
    falls: int = 0
    memory_deaths: int = 0
    fell: deque[float] = field(default_factory=lambda: deque(maxlen=64))


class EngineWatch:
    """Remembers what each engine did; engines that are gone keep their counts.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._followed: dict[str, _Followed] = {}

    def changes(self, engines: Sequence[ServedEngine]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Note the states of this moment; yield (model, what to tell) for each that changed."""
        here = {one.model for one in engines}
        for model, old in self._followed.items():
            if model not in here and old.state != "absent":
                old.state = "absent"
                yield model, {"state": "absent", "restarts": old.restarts}
        for one in engines:
            if one.model not in self._followed and len(self._followed) >= _MOST:
                continue
            known = self._followed.setdefault(one.model, _Followed())
            if self._note(known, one.status):
                yield one.model, _told(one.status)

    def facts(self, engines: Sequence[ServedEngine]) -> tuple[EngineFacts, ...]:
        """The engines for metrics and alerts."""
        since = self._clock() - RECENT_S
        found: list[EngineFacts] = []
        for one in engines:
            known = self._followed.get(one.model, _Followed())
            reason = one.status.reason
            found.append(
                EngineFacts(
                    model=one.model,
                    state=str(one.status.state),
                    restarts=known.falls,
                    recent_restarts=sum(1 for at in known.fell if at > since),
                    memory_deaths=known.memory_deaths,
                    in_flight=one.status.in_flight,
                    queued=one.queued,
                    reason_zh="" if reason is None else reason.zh,
                    reason_en="" if reason is None else reason.en,
                )
            )
        return tuple(found)

    def _note(self, known: _Followed, status: EngineStatus) -> bool:
        # A supervisor that was made anew counts from nought again: only what it adds is counted.
        added = max(0, status.restarts - known.restarts)
        known.restarts = status.restarts
        known.falls += added
        known.fell.extend([self._clock()] * min(added, 64))
        state, before = str(status.state), known.state
        # A fall is seen as a failed engine, or, between two looks, by its restart alone.
        fell = state == _FAILED != before or (added > 0 and before != _FAILED)
        if fell and _lacked_memory(status):
            known.memory_deaths += 1
        known.state = state
        return state != before or added > 0


def _lacked_memory(status: EngineStatus) -> bool:
    """Whether it ended for lack of memory, of the machine's or of a card's."""
    if status.failure is not None:
        return status.failure.code.endswith(_MEMORY)
    return status.reason is not None and _MEMORY in status.reason.en


def _told(status: EngineStatus) -> dict[str, Any]:
    told: dict[str, Any] = {"state": str(status.state), "restarts": status.restarts}
    if status.reason is not None:
        told |= {"reason_zh": status.reason.zh, "reason_en": status.reason.en}
    return told
