"""What metrics and alerts know of those outside who watch the record: witnesses and the SIEM."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WitnessFacts:
    """Who cosigns the record.

    Attributes:
        witnesses: How many witnesses are registered.
        stale: Those that have not cosigned for too long: name, and seconds since they last did.
        oldest_s: Seconds since the last cosignature of the witness where it is longest ago.
        trouble_zh: Why the box's second key does not cosign, in Chinese; empty while it does.
        trouble_en: The same in English.
    """

    witnesses: int
    stale: tuple[tuple[str, float], ...] = ()
    oldest_s: float | None = None
    trouble_zh: str = ""
    trouble_en: str = ""


@dataclass(frozen=True, slots=True)
class ForwardFacts:
    """Forwarding to the hospital's SIEM.

    Attributes:
        target: The receiver.
        connected: Whether there is a connection now.
        behind: Entries that wait.
        lag_s: Age of the oldest of them in seconds.
        late: Whether that is longer than the settings allow.
        messages: Messages handed over since the box was opened.
        failing_s: For how long nothing could be delivered, seconds.
        misconfigured: Whether the settings cannot be used.
        reason_zh: Why, in Chinese.
        reason_en: The same in English.
    """

    target: str
    connected: bool
    behind: int
    lag_s: float
    late: bool
    messages: int
    failing_s: float
    misconfigured: bool
    reason_zh: str = ""
    reason_en: str = ""
