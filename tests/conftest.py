"""No test waits for ever: what is not done in its time fails, with the place where it stood."""

import re
import signal
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

# Timing never decides a test: an example may be slow because the machine is.
settings.register_profile("house", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("house")

_SLOW_THROUGHOUT = re.compile(rb"^pytestmark = .*\bmark\.slow\b", re.MULTILINE)

_QUICK_S = 120
_WHOLE_S = 1500
# An alarm may fall into code that swallows what it raises: it comes again.
_AGAIN_S = 10


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A quick run reads no module that is slow throughout: what these import takes seconds in each worker."""
    if "not slow" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    return bool(_SLOW_THROUGHOUT.search(collection_path.read_bytes())) or None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Bound a test with its fixtures; the alarm also ends a loop that never awaits anything."""
    whole = any(item.get_closest_marker(name) for name in ("slow", "frozen", "gpu"))
    limit = _WHOLE_S if whole else _QUICK_S

    def ring(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"{item.nodeid} was not done after {limit} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, _AGAIN_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
