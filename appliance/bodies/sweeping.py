"""Deletes bodies little by little: whoever waits for the record waits for none of it."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.bodies.store import BodyStore

_BREATH_S: Final = 0.02


class Sweeper:
    """Deletes what nobody can read any more; in the thread pool, beside the process that writes.

    Args:
        path: the database of the bodies; it need not exist yet.
        key: gives its 32 bytes.
        clock: Unix time in seconds.
    """

    def __init__(self, path: Path, key: Callable[[], bytes], clock: Callable[[], float]) -> None:
        self._path = path
        self._key = key
        self._clock = clock

    def sweep(self, some: Callable[[BodyStore], int]) -> int:
        """Delete some bodies again and again, until there are none; how many there were.

        Raises:
            DbError: the database refuses; some may be gone.
        """
        if not self._path.exists():
            return 0
        with closing(self._opened()) as store:
            total = 0
            while count := some(store):
                total += count
                time.sleep(_BREATH_S)
            return total

    def days_before(self, day: int) -> list[int]:
        """The days before a day, counted from 1970, of which there are bodies. Raises DbError."""
        if not self._path.exists():
            return []
        with closing(self._opened()) as store:
            return store.days_before(day)

    def _opened(self) -> BodyStore:
        return BodyStore.create(self._path, self._key(), self._moment)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
