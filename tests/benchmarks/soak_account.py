"""The account of a soak: what clients were told, what is on record and what was metered must agree.

The rules (docs/operate/endurance.md): an accepted request ends on record exactly once, as an answer or
as a failure; what is metered is what answers on record used; a stream that its client left is an answer
of status "client-gone" and counts the pieces that were written, and no prompt, since engines tell that
at the end; a failure costs nothing. An answer that is followed by a failure of the same request never
left the box (its record was made as the writer died) and is not metered.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.soak_load import Ended

ACCEPT = "model:completion:accept"
ANSWERS = frozenset({"model:completion:answer", "specialist:admission-note:draft"})
FAIL = "model:completion:fail"
GAP = "box:audit:gap"
GONE = "client-gone"
_TOLD_MOST = 5

Use = tuple[int, int, int]
"""Requests, tokens read, tokens written."""


@dataclass(slots=True)
class Recorded:
    """What is on record of one request."""

    actor: str = ""
    accepts: int = 0
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def end(self) -> str:
        """ "answered", "cancelled", "failed" or "open"."""
        if self.failures:
            return "cancelled" if set(self.failures) == {GONE} else "failed"
        if self.answers:
            return "cancelled" if self.answers[0]["status"] == GONE else "answered"
        return "open"

    @property
    def counted(self) -> Mapping[str, Any] | None:
        """The answer that has to be metered."""
        return self.answers[0] if self.answers and not self.failures else None


@dataclass(slots=True)
class Record:
    """The audit record of a run: requests by id, and events that a writer's death refused."""

    requests: dict[str, Recorded] = field(default_factory=lambda: defaultdict(Recorded))
    refused: int = 0

    def read(self, entry: Mapping[str, Any]) -> None:
        """Take down one entry."""
        tag, details = entry["tag"], entry["details"]
        if tag == GAP:
            self.refused += details["refused"]
        if tag not in {ACCEPT, FAIL, *ANSWERS}:
            return
        one = self.requests[entry["request_id"]]
        one.actor = entry["actor"]
        if tag == ACCEPT:
            one.accepts += 1
        elif tag == FAIL:
            one.failures.append(details["code"])
        else:
            one.answers.append(details)

    def used(self) -> dict[tuple[str, str], Use]:
        """What was used by actor and model, as the record has it."""
        sums: dict[tuple[str, str], Use] = {}
        for one in self.requests.values():
            answer = one.counted
            if answer is not None:
                who = (one.actor, str(answer["model"]))
                spent = (1, answer["prompt_tokens"], answer["completion_tokens"])
                sums[who] = _plus(sums.get(who, (0, 0, 0)), spent)
        return sums


def record_of(entries: Iterable[Mapping[str, Any]]) -> Record:
    """Read the entries of an export."""
    record = Record()
    for entry in entries:
        record.read(entry)
    return record


def metered_of(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], Use]:
    """The rows of `wardbox usage export`, added up by actor and model."""
    sums: dict[tuple[str, str], Use] = {}
    for row in rows:
        who = (row["actor"], row["model"])
        spent = (int(row["requests"]), int(row["prompt_tokens"]), int(row["completion_tokens"]))
        sums[who] = _plus(sums.get(who, (0, 0, 0)), spent)
    return sums


def disagreements(
    ended: Iterable[Ended], record: Record, metered: Mapping[tuple[str, str], Use]
) -> list[str]:
    """Everything that does not agree, a sentence for each kind of it."""
    found: dict[str, list[str]] = defaultdict(list)
    known: set[str] = set()
    strangers = 0
    for one in ended:
        if one.outcome in {"lost", "hung"}:
            found[f"a client's request was {one.outcome}"].append(f"{one.kind} {one.request_id}")
        if not one.request_id:
            strangers += 1
            continue
        if one.request_id in known:
            found["two requests had one id"].append(one.request_id)
        known.add(one.request_id)
        for fault in _compared(one, record.requests.get(one.request_id)):
            found[fault].append(f"{one.kind} {one.request_id}")
    _check_record(record, known, strangers, found)
    for who in {*metered, *record.used()}:
        there, here = metered.get(who, (0, 0, 0)), record.used().get(who, (0, 0, 0))
        if there != here:
            found["the meter does not agree with the record (requests, read, written)"].append(
                f"{who}: metered {there}, on record {here}"
            )
    return [f"{fault}: {len(where)} ({_some(where)})" for fault, where in sorted(found.items())]


def _compared(one: Ended, recorded: Recorded | None) -> list[str]:
    """What a client was told against what is on record of its request."""
    end = "nothing" if recorded is None else recorded.end
    if one.outcome == "refused":
        if recorded is None or one.code == "audit.unavailable":
            return []
        return [] if set(recorded.failures) == {one.code} else [f"a refusal is on record as {end}"]
    if one.outcome == "broken off":
        fits = recorded is not None and set(recorded.failures) == {one.code}
        if fits or one.code == "audit.unavailable":
            return []
        return [f"a stream that broke off is on record as {end}"]
    if recorded is None or (one.outcome == "answered" and end != "answered"):
        return [f"a request that its client saw {one.outcome} is on record as {end}"]
    return _tokens(one, recorded)


def _tokens(one: Ended, recorded: Recorded) -> list[str]:
    answer = recorded.counted
    if answer is None:
        return []
    if (
        one.outcome == "left"
        and "note" not in one.kind
        and one.pieces > answer["completion_tokens"]
    ):
        return ["a client that left saw more pieces than are on record"]
    if one.outcome == "answered" and one.prompt is not None:
        told = (one.prompt, one.completion)
        if told != (answer["prompt_tokens"], answer["completion_tokens"]):
            return ["a client was told other tokens than are on record"]
    return []


def _check_record(
    record: Record, known: set[str], strangers: int, found: dict[str, list[str]]
) -> None:
    """The record by itself."""
    unknown = 0
    still_open = []
    for request_id, one in record.requests.items():
        # Notes of the installation stand there too; they came by the local socket.
        unknown += request_id not in known and one.actor != "local:console"
        if one.end == "open":
            still_open.append(request_id)
        # A failure that a dying writer may have recorded is put once more.
        failures = set(one.failures) if record.refused else one.failures
        if len(one.answers) > 1 or len(failures) > 1 or one.accepts > 1:
            found["a request stands on record more than once"].append(request_id)
    if still_open:
        found["accepted requests without an end on record"] = still_open
    if unknown > strangers:
        found["requests on record that no client made"].append(f"{unknown} of {strangers}")


def ends_of(record: Record) -> Counter[str]:
    """How the accepted requests ended, by the record."""
    return Counter(one.end for one in record.requests.values())


def _plus(one: Use, other: Use) -> Use:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2])


def _some(where: list[str]) -> str:
    rest = len(where) - _TOLD_MOST
    return ", ".join(where[:_TOLD_MOST]) + (f" and {rest} more" if rest > 0 else "")
