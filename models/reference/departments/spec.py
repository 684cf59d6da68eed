"""What a department's notes speak about: complaints, findings, measures, diagnoses and plans."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something looked at, with what may be seen; the first is the usual state."""

    label: str
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """Something measured: its unit, usual bounds and the number of decimals."""

    label: str
    unit: str
    low: float
    high: float
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Department:
    """One department. `onset` are its own wordings of how it began.

    The wordings of `onset` hold the slots {chief_complaint.trigger}, {chief_complaint.symptom},
    {chief_complaint.duration} and {chief_complaint.course}; every one holds all four.
    """

    name: str
    title: str
    symptoms: tuple[str, ...]
    triggers: tuple[str, ...]
    courses: tuple[str, ...]
    associated: tuple[str, ...]
    onset: tuple[str, ...]
    findings: tuple[Finding, ...]
    measures: tuple[Measure, ...]
    diagnoses: tuple[str, ...]
    treatments: tuple[str, ...]
    drugs: tuple[str, ...]
    ages: tuple[int, int] = (25, 85)
    sex: str | None = None
    units: tuple[str, ...] = ("天", "周", "个月", "年")
