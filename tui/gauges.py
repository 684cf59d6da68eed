"""Live figures of model requests: what two readings of the box's counters say about the time between."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_LINE: Final = re.compile(r"(wardbox_[a-z_]+)(?:\{([^}]*)\})? (\S+)(?: \d+)?")
_LABEL: Final = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_LONGEST: Final = 2_000_000


@dataclass(slots=True)
class Counts:
    """What was counted for one model since the box started."""

    requests: float = 0.0
    first_token_s: float = 0.0
    first_tokens: float = 0.0
    tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one time, in seconds of any steady clock."""

    at: float
    models: Mapping[str, Counts] = field(default_factory=dict)
    refused: float = 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """One model between two readings: requests/s, tokens/s, and mean seconds to the first token."""

    requests: float
    tokens: float
    first_token_s: float | None


_FIELDS: Final = {
    "wardbox_request_seconds_count": "requests",
    "wardbox_first_token_seconds_sum": "first_token_s",
    "wardbox_first_token_seconds_count": "first_tokens",
    "wardbox_completion_tokens_total": "tokens",
}


def read(text: str, at: float) -> Reading:
    """Read the text form of the metrics; lines that are not understood are passed over."""
    models: dict[str, Counts] = {}
    refused = 0.0
    for line in text[:_LONGEST].splitlines():
        found = _LINE.fullmatch(line)
        value = _number(found[3]) if found else None
        if found is None or value is None:
            continue
        name, labels = found[1], dict(_LABEL.findall(found[2] or ""))
        if name == "wardbox_refusals_total":
            refused += value
        elif name in _FIELDS and labels.get("model"):
            counts = models.setdefault(labels["model"], Counts())
            setattr(counts, _FIELDS[name], getattr(counts, _FIELDS[name]) + value)
    return Reading(at, models, refused)


def rates(before: Reading, after: Reading) -> dict[str, Rate]:
    """What happened between two readings; counters that fell mean that the box started anew."""
    span = after.at - before.at
    if span <= 0:
        return {}
    found = {}
    for model, now in after.models.items():
        then = before.models.get(model, Counts())
        if now.requests < then.requests or now.tokens < then.tokens:
            then = Counts()
        firsts = now.first_tokens - then.first_tokens
        wait = (now.first_token_s - then.first_token_s) / firsts if firsts > 0 else None
        found[model] = Rate(
            (now.requests - then.requests) / span, (now.tokens - then.tokens) / span, wait
        )
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
