"""Counts model requests minute by minute, in memory, for the overview."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MINUTES: Final = 60
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class TrafficPicture:
    """The last whole minutes, newest last, and what runs now."""

    requests_per_minute: float
    tokens_per_minute: float
    in_flight: int
    refused: int
    requests_by_minute: tuple[int, ...]


class Traffic:
    """Adds up on the event loop; reading it makes a picture."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = int(clock() // _MINUTE_S)
        self._past: deque[tuple[int, int]] = deque(maxlen=MINUTES)
        self._requests = 0
        self._tokens = 0
        self.in_flight = 0
        self.refused = 0

    def answered(self, tokens: int) -> None:
        """Count an answer and its tokens, read and written."""
        self._turn()
        self._requests += 1
        self._tokens += tokens

    def picture(self) -> TrafficPicture:
        """The counts of this moment."""
        self._turn()
        share = max(self._clock() / _MINUTE_S - self._minute, 1 / _MINUTE_S)
        last, tokens = self._past[-1] if self._past else (0, 0)
        # The running minute weighs what has passed of it, the last whole one the rest.
        return TrafficPicture(
            requests_per_minute=self._requests + last * (1 - share),
            tokens_per_minute=self._tokens + tokens * (1 - share),
            in_flight=self.in_flight,
            refused=self.refused,
            requests_by_minute=tuple(requests for requests, _ in self._past),
        )

    def _turn(self) -> None:
        now = int(self._clock() // _MINUTE_S)
        if now == self._minute:
            return
        self._past.append((self._requests, self._tokens))
        for _ in range(min(now - self._minute - 1, MINUTES)):
            self._past.append((0, 0))
        self._minute, self._requests, self._tokens = now, 0, 0
