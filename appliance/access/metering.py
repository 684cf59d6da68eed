"""Metering: what each caller used, counted in memory and written every second."""

import threading
from collections.abc import Callable
from typing import Final

from appliance.access.grants import Grant, UsageRow

_HOUR_S: Final = 3600


class Meter:
    """Counts requests and tokens by hour, actor, key and model.

    `add` is called on the hot path and touches memory only. A second of counts is lost when the
    power goes; the audit log holds the tokens of every answer besides.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, str, str, str], list[int]] = {}

    def add(self, grant: Grant, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count one answered request."""
        hour = int(self._clock()) // _HOUR_S * _HOUR_S
        place = (hour, grant.actor, grant.key_id or "", model)
        with self._lock:
            counts = self._counts.get(place)
            if counts is None:
                counts = self._counts[place] = [0, 0, 0]
            counts[0] += 1
            counts[1] += prompt_tokens
            counts[2] += completion_tokens

    def take(self) -> list[UsageRow]:
        """Hand over what was counted since the last call, and start again from nothing."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return [UsageRow(*place, *numbers) for place, numbers in counts.items()]

    def give_back(self, rows: list[UsageRow]) -> None:
        """Take rows back that could not be written."""
        with self._lock:
            for row in rows:
                place = (row.hour, row.actor, row.key_id, row.model)
                counts = self._counts.setdefault(place, [0, 0, 0])
                counts[0] += row.requests
                counts[1] += row.prompt_tokens
                counts[2] += row.completion_tokens


class Ticker:
    """A small thread that calls `tick` every `period_s` seconds, and once more when closed."""

    def __init__(self, tick: Callable[[], None], period_s: float) -> None:
        self._tick = tick
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-flush", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; the last tick has run when this returns."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._tick()
        self._tick()
