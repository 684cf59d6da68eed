"""Waiting for what may never answer: in a thread of its own, so that whoever asks goes on in time."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, TypeVar

T = TypeVar("T")


class Patience:
    """Asks a device that cannot be interrupted, and gives up on it.

    Args:
        seconds: how long one question may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._stuck: threading.Thread | None = None

    def ask(self, work: Callable[[], T]) -> T:
        """What the work returns or raises.

        Raises:
            TimeoutError: it did not end in time, or an earlier one still has not: then nothing was asked.
        """
        if self._stuck is not None and self._stuck.is_alive():
            raise TimeoutError
        done: list[T] = []
        carried = _Carried()

        def run() -> None:
            with carried:
                done.append(work())

        # A daemon: a device that never answers must not keep the process from its end either.
        thread = threading.Thread(target=run, name="patience", daemon=True)
        thread.start()
        thread.join(self.seconds)
        if thread.is_alive():
            self._stuck = thread
            raise TimeoutError
        if carried.error is not None:
            raise carried.error
        return done[0]


class _Carried:
    """Carries what was raised in one thread to the one that asked, which raises it."""

    error: BaseException | None = None

    def __enter__(self) -> None:
        """Nothing has been raised yet."""

    def __exit__(
        self, _: object, error: BaseException | None, __: TracebackType | None
    ) -> Literal[True]:
        self.error = error
        return True
