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

    def __init__(self, now: float) -> None:
        self._lock = threading.Lock()
        self._hour = self._end = 0
        self._counts: dict[str, dict[str, list[int]]] = {}
        self._grants: dict[str, Grant] = {}
        self._rows: list[UsageRow] = []
        self._turn(now)

    def add(self, grant: Grant, model: str, tokens: tuple[int, int], now: float) -> None:
        """Count one answered request of (prompt, completion) tokens."""
        with self._lock:
            if not self._hour <= now < self._end:
                self._turn(now)
            try:
                counts = self._counts[grant.actor][model]
            except KeyError:
                self._grants.setdefault(grant.actor, grant)
                counts = self._counts.setdefault(grant.actor, {}).setdefault(model, [0, 0, 0])
            counts[0] += 1
            counts[1] += tokens[0]
            counts[2] += tokens[1]

    def take(self, now: float) -> list[UsageRow]:
        """Hand over what was counted since the last call, and start again from nothing."""
        with self._lock:
            self._turn(now)
            rows, self._rows = self._rows, []
        return rows

    def give_back(self, rows: list[UsageRow]) -> None:
        """Take rows back that could not be written."""
        with self._lock:
            self._rows += rows

    def _turn(self, now: float) -> None:
        """Put what was counted into rows of its hour, and go on in the hour around `now`."""
        counts, self._counts = self._counts, {}
        grants, self._grants = self._grants, {}
        for actor, models in counts.items():
            who = grants[actor]
            for model, (requests, prompt, completion) in models.items():
                self._rows.append(
                    UsageRow(
                        self._hour,
                        actor,
                        who.key_id or "",
                        model,
                        requests,
                        prompt,
                        completion,
                        owner=who.owner or actor,
                        key_name=who.label,
                    )
                )
        self._hour = int(now) // _HOUR_S * _HOUR_S
        self._end = self._hour + _HOUR_S


class Ticker:
    """A small thread that calls `tick` every `period_s` seconds, and once more when closed."""

    def __init__(self, tick: Callable[[], None], period_s: float) -> None:
        self._tick = tick
        self._period_s = period_s
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._run, name="access-flush", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the thread; the last tick has run when this returns."""
        self._stop.set()
        self._worker.join()

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._tick()
        self._tick()
