"""Which weights this box itself has under a name, in memory or not: others are another model."""

import time
from collections.abc import Callable
from typing import Final

from appliance.serving.room import ModelSource
from models.errors import ModelsError, ModelUnknown

_LOOK_S: Final = 30.0


class OwnWeights:
    """The shelf, looked at again now and then; one event loop.

    A look reads two small files. It is asked about names that other boxes offer, and no others, so
    that nobody makes it remember names without end.

    Args:
        shelf: The models.
        clock: Monotonic seconds.
    """

    def __init__(self, shelf: ModelSource, clock: Callable[[], float] = time.monotonic) -> None:
        self._shelf = shelf
        self._clock = clock
        self._known: dict[str, tuple[float, str | None]] = {}

    def __call__(self, model: str) -> str | None:
        """The digest of the weights, as in an offer; None: there is no such model; "": it is damaged."""
        now = self._clock()
        at, content = self._known.get(model, (float("-inf"), None))
        if at + _LOOK_S < now:
            content = self._look(model)
            self._known[model] = (now, content)
        return content

    def _look(self, model: str) -> str | None:
        try:
            return self._shelf.get(model).manifest.content
        except ModelUnknown:
            return None
        except ModelsError:
            return ""
