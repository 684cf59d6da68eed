"""The shape of a check and of its verdict: facts in, verdict out, its text beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from firmware_checks.facts import Facts, Reason, Unread

MAX_VALUE: Final = 400


def printable(text: str) -> str:
    """At most 400 characters, none of which steers a terminal or breaks an encoding."""
    head = text[:MAX_VALUE]
    return "".join(letter if letter.isprintable() else " " for letter in head)


class Outcome(StrEnum):
    """What a check found; "could not check" is never a pass."""

    PASS = "pass"  # noqa: S105 - the name of an outcome
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    COULD_NOT_CHECK = "could-not-check"


class Impact(StrEnum):
    """How much follows from a failure."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen.

    Attributes:
        source: Where: a path, or a library and the value asked for.
        value: What stood there, shortened to 400 characters.
        steady: False for values that differ in every run (a clock); they stay out of the digest.
    """

    source: str
    value: str
    steady: bool = True

    @classmethod
    def of(cls, source: str, value: object, *, steady: bool = True) -> "Evidence":
        """Evidence with its value as text without control characters."""
        return cls(printable(source), printable(str(value)), steady)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found, in one sentence per language, and what it rests on."""

    outcome: Outcome
    zh: str
    en: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a check in one language: title, what a failure means, what to do."""

    title: str
    harm: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the machine.

    Attributes:
        id: Dotted name that never changes.
        level: Posture level that needs it, 1 (lowest) to 4.
        impact: How much follows from a failure.
        zh: Its words in Chinese.
        en: Its words in English.
        references: Standards and documents behind it.
        judge: The pure function that answers it.
    """

    id: str
    level: int
    impact: Impact
    zh: Text
    en: Text
    references: tuple[str, ...]
    judge: Callable[[Facts], Verdict]


_REASONS = MappingProxyType(
    {
        Reason.ABSENT: ("不存在", "is not there"),
        Reason.DENIED: ("无权读取,请以 root 运行", "may not be read; run as root"),
        Reason.MALFORMED: ("内容无法理解", "holds what cannot be understood"),
        Reason.TOO_LARGE: ("超过大小上限", "is larger than the limit"),
        Reason.TIMED_OUT: ("没有及时回答,已被中断", "did not answer in time and was cut off"),
        Reason.UNSUPPORTED: ("此处不支持", "is not supported here"),
        Reason.OUTSIDE: ("指向根目录之外", "leads out of the root"),
        Reason.FAILED: ("读取失败", "could not be read"),
    },
)


def passed(zh: str, en: str, *evidence: Evidence) -> Verdict:
    """The machine is as it should be."""
    return Verdict(Outcome.PASS, zh, en, evidence)


def failed(zh: str, en: str, *evidence: Evidence) -> Verdict:
    """The machine is not as it should be."""
    return Verdict(Outcome.FAIL, zh, en, evidence)


def not_applicable(zh: str, en: str, *evidence: Evidence) -> Verdict:
    """The machine lacks what the check is about; needs evidence of that, as a pass would."""
    return Verdict(Outcome.NOT_APPLICABLE, zh, en, evidence)


def undecided(zh: str, en: str, *evidence: Evidence) -> Verdict:
    """What was read does not decide the question."""
    return Verdict(Outcome.COULD_NOT_CHECK, zh, en, evidence)


def could_not_read(found: Unread) -> Verdict:
    """A fact the check needs could not be read."""
    zh, en = _REASONS[found.reason]
    source = printable(found.source)
    return Verdict(
        Outcome.COULD_NOT_CHECK,
        f"{source} {zh}。",
        f"{source} {en}.",
        (Evidence.of(source, f"{found.reason.value}: {found.detail}".rstrip(": ")),),
    )
