"""What every request adds to the counters: plain numbers in memory, bound once for each series."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

from mypy_extensions import mypyc_attr

BOUNDS_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0),
)
"""Upper bounds of the buckets of both histograms, seconds."""
OTHER: Final = "other"
"""The label of whatever is in no closed set: an odd path, an unknown model, a new code."""
MOST_MODELS: Final = 64
"""Models with series of their own; further ones are counted under `OTHER`."""
CLASSES: Final = ("other", "1xx", "2xx", "3xx", "4xx", "5xx")
"""Status classes; the place is the status divided by a hundred."""


class Histogram:
    """Counts by bucket, and their sum."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.total += seconds


class Series:
    """What was counted for one route and one model."""

    __slots__ = ("classes", "completion_tokens", "first_token", "latency", "prompt_tokens")

    def __init__(self) -> None:
        self.classes = [0] * len(CLASSES)
        self.latency = Histogram()
        self.first_token = Histogram()
        self.prompt_tokens = 0
        self.completion_tokens = 0


@mypyc_attr(allow_interpreted_subclasses=True)
class Observed:
    """Counts answers and refusals; called on the event loop, about a microsecond a request.

    No label comes from a caller: a route is one of `routes` or `OTHER`, a model is one that
    `known_model` knows (at most `MOST_MODELS` in a life of the process) or `OTHER`, a code is one of
    `codes`, else its family, else `OTHER`. Whatever clients send, the number of series stays.

    Args:
        routes: route templates, as the application knows them.
        codes: codes and families of the table of problems.
        known_model: whether a model is served; asked only for a model that has no series yet.
    """

    def __init__(
        self,
        routes: Iterable[str] = (),
        codes: Iterable[str] = (),
        known_model: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._routes = frozenset(routes)
        self._codes = frozenset(codes)
        self._known_model = known_model
        self._models: set[str] = {"", OTHER}
        self._bound: dict[tuple[str, str], Series] = {}
        self._refusals: dict[tuple[str, str], int] = {}

    def admit_routes(self, routes: Iterable[str]) -> None:
        """Widen the closed set of routes; for the application, when it is put together."""
        self._routes |= frozenset(routes)

    def admit_models(self, known_model: Callable[[str], bool]) -> None:
        """Name who knows which models are served; done each time the box opens."""
        self._known_model = known_model

    def answered(  # noqa: PLR0913, PLR0917  # one flat call is what a microsecond allows
        self,
        route: str,
        model: str,
        status: int,
        seconds: float,
        first_token_s: float | None,
        prompt_tokens: int,
        completion_tokens: int,
    ) -> None:
        """Count one request that was answered, whatever its status.

        Args:
            route: the route's template.
            model: the model that answered; "" where none was asked.
            status: HTTP status.
            seconds: from the first byte of the request to the last of the answer.
            first_token_s: seconds until the first token left; None for an answer in one piece.
            prompt_tokens: tokens read.
            completion_tokens: tokens written.
        """
        series = self._bound.get((route, model))
        if series is None:
            series = self._series(route, model)
        place = status // 100
        series.classes[place if 0 < place < len(CLASSES) else 0] += 1
        latency = series.latency
        latency.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        latency.total += seconds
        if first_token_s is not None:
            series.first_token.observe(first_token_s)
        series.prompt_tokens += prompt_tokens
        series.completion_tokens += completion_tokens

    def refused(self, route: str, code: str) -> None:
        """Count one request that ended in a problem of this code, beside `answered`."""
        key = (route, code)
        if key not in self._refusals:
            key = (self._route(route), self._code(code))
            self._refusals.setdefault(key, 0)
        self._refusals[key] += 1

    def series(self) -> dict[tuple[str, str], Series]:
        """Every series by (route, model); a picture of the moment."""
        return dict(self._bound)

    def refusals(self) -> dict[tuple[str, str], int]:
        """Refusals by (route, code)."""
        return dict(self._refusals)

    def _series(self, route: str, model: str) -> Series:
        key = (self._route(route), self._model(model))
        series = self._bound.get(key)
        if series is None:
            series = self._bound[key] = Series()
        return series

    def _route(self, route: str) -> str:
        return route if route in self._routes else OTHER

    def _model(self, model: str) -> str:
        if model in self._models:
            return model
        if len(self._models) < MOST_MODELS + 2 and self._known_model(model):
            self._models.add(model)
            return model
        return OTHER

    def _code(self, code: str) -> str:
        family = code.partition(".")[0]
        return next((name for name in (code, family) if name in self._codes), OTHER)
