"""What an export holds, counted while it is written: for the summary that people read."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from appliance.audit.event import Entry
from appliance.audit.rendering.codes import SECURITY_ALERT
from appliance.audit.rendering.meaning import SUCCESS, meaning_of

MOST_NOTABLE: Final = 300
_MOST_NAMES: Final = 5000
_OTHERS: Final = "…"
_QUIET: Final = frozenset({"box:audit:start", "box:audit:stop", "firmware:check:run"})
_MICROSECONDS: Final = 1_000_000
_DAY_US: Final = 86_400 * _MICROSECONDS


@dataclass(frozen=True, slots=True)
class Notable:
    """An entry that an auditor will want to see: a failure, or a change of rights, keys or settings.

    Args:
        index: which entry.
        time: microseconds since 1970 UTC.
        tag: its tag.
        what: what the tag means, in English.
        actor: who.
        thing: to what.
        why: why it failed; empty for a success.
        outcome: 0, 4 or 8.
    """

    index: int
    time: int
    tag: str
    what: str
    actor: str
    thing: str
    why: str
    outcome: int


class Tally:
    """Counts entries; its memory is bounded whatever stands in them."""

    def __init__(self) -> None:
        self.entries = 0
        self.failures = 0
        self.first_time = 0
        self.last_time = 0
        self.tags: Counter[str] = Counter()
        self.actors: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.patients: Counter[str] = Counter()
        self.days: Counter[int] = Counter()
        self.notable: list[Notable] = []
        self.more_notable = 0
        self._known: dict[tuple[str, bool], tuple[bool, bool]] = {}

    def count(self, entry: Entry) -> None:
        """Count one entry."""
        event = entry.event
        if not self.entries:
            self.first_time = entry.time
        self.entries += 1
        self.last_time = entry.time
        self.days[entry.time // _DAY_US] += 1
        _bounded(self.tags, event.tag)
        _bounded(self.actors, event.actor)
        for counter, name in ((self.models, "model"), (self.patients, "patient")):
            found = event.details.get(name)
            if isinstance(found, str) and found:
                _bounded(counter, found)
        failed, notable = self._judged(entry)
        self.failures += failed
        if notable and len(self.notable) < MOST_NOTABLE:
            self.notable.append(_noted(entry))
        elif notable:
            self.more_notable += 1

    def busiest(self, most: int) -> list[tuple[str, int]]:
        """The days with the most entries in order of time, as ISO dates: at most so many, evenly."""
        if not self.days:
            return []
        first, last = min(self.days), max(self.days)
        step = (last - first) // most + 1
        found: Counter[int] = Counter()
        for day, count in self.days.items():
            found[(day - first) // step] += count
        return [
            (_date(first + slot * step), found[slot]) for slot in range((last - first) // step + 1)
        ]

    def _judged(self, entry: Entry) -> tuple[bool, bool]:
        """Whether it failed, and whether it is notable; equal for all of a tag but by its `ok`."""
        tag = entry.event.tag
        key = (tag, entry.event.details.get("ok") is False)
        known = self._known.get(key)
        if known is None:
            meaning = meaning_of(entry)
            failed = meaning.outcome != SUCCESS
            known = (failed, failed or (meaning.event == SECURITY_ALERT and tag not in _QUIET))
            if len(self._known) < _MOST_NAMES:
                self._known[key] = known
        return known


def _noted(entry: Entry) -> Notable:
    meaning = meaning_of(entry)
    return Notable(
        entry.index,
        entry.time,
        entry.event.tag,
        meaning.what,
        entry.event.actor,
        entry.event.subject or "",
        meaning.why,
        meaning.outcome,
    )


def clock_text(time: int) -> str:
    """A time of the log for people: UTC, to the second."""
    return datetime.fromtimestamp(time // _MICROSECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def _bounded(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < _MOST_NAMES else _OTHERS] += 1
