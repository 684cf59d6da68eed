"""How forwarding stands, and which changes of that go on record: states that hold, never each try."""

from dataclasses import dataclass
from typing import Final, Literal

from appliance.forwarding.forwarder import Progress

State = Literal["off", "misconfigured", "running", "failing"]
Action = Literal["start", "stop", "lag", "lose", "return"]

HOLD_S: Final = 60.0
"""How long nothing could be delivered before that is told."""
LONG_HOLD_S: Final = 600.0
"""The same for a receiver that was told as lost within the last hour: one that comes and goes."""
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How forwarding stands.

    Attributes:
        state: "off", "misconfigured", "running" or "failing".
        target: the receiver, "host:port"; "" while it is off.
        progress: the positions; None while it is off.
        size: entries of the log.
        behind: entries that were not handed over yet; those of a broken connection count again.
        lag_s: age of the oldest of them, in seconds.
        late: whether that is longer than the settings allow.
        reason_zh: why it fails, in Chinese.
        reason_en: the same in English.
    """

    state: State
    target: str = ""
    progress: Progress | None = None
    size: int = 0
    behind: int = 0
    lag_s: float = 0.0
    late: bool = False
    reason_zh: str = ""
    reason_en: str = ""


class Telling:
    """Remembers what was told; it knows no clock.

    Args:
        lag_s: a backlog of so many seconds is told; it is over at half of that.
    """

    def __init__(self, lag_s: float) -> None:
        self._lag = lag_s
        self._told: Action | None = None
        self._lost: float | None = None

    def judge(self, standing: Standing, now: float) -> tuple[Action, str] | None:
        """What is to be told now, if anything: the action and its reason."""
        since = None if standing.progress is None else standing.progress.failing_since
        if since is not None:
            if self._told == "lose" or now - since < self._hold(now):
                return None
            self._told, self._lost = "lose", now
            return "lose", standing.reason_en
        if standing.late and self._told is None:
            self._told = "lag"
            return "lag", f"{int(standing.lag_s)} s"
        if self._told is not None and standing.lag_s < self._lag / 2:
            self._told = None
            return "return", ""
        return None

    def _hold(self, now: float) -> float:
        recently = self._lost is not None and now - self._lost < _HOUR_S
        return LONG_HOLD_S if recently else HOLD_S
