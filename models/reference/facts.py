"""Facts of an admission note, cataract in depth: typed records, JSON in and out, JSON Schema.

| key | holds |
|---|---|
| patient | name, sex, age, id_number (GB 11643), phone, address, admission_no, bed |
| department, admission_date, discharge_date | where and when |
| informant | name and relation of who told the history, when not the patient |
| chief_complaint | eye, symptom, duration {value, unit}, course, associated[], affects[] |
| right_eye, left_eye | acuity, pressure in mmHg, findings, lens grading, biometry (mm, D) |
| history | chronic[] {disease, years, drugs[]}, surgery[], trauma[], pregnancy_weeks |
| allergies | status 无 or 有, items[] {drug, reaction} |
| personal | smoking, drinking |
| vitals | systolic, diastolic (mmHg), glucose (mmol/L), pulse |
| diagnoses | [] {eye, name} |
| plan | eye, procedure, date, anaesthesia, lens_model, drugs[], measures[] |

An absent key is a missing fact; an empty list says that there is none.
"""

# The defaults below are dataclasses.field objects, one for each attribute, made by a call.
# ruff: noqa: RUF009

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.reference.factfields import (
    acuity,
    choice,
    date,
    listed,
    number,
    plain,
    read,
    record,
    schema_of,
    text,
    whole,
    wrong,
)

EYES = ("右眼", "左眼", "双眼")
UNITS = ("天", "周", "个月", "年")
NUCLEAR_GRADES = ("I级", "II级", "III级", "IV级", "V级")
# Names hold private-use and combining characters and variation selectors too.
_LETTER = r"(?:[^\W\d_]|[\ue000-\uf8ff\u0300-\u036f\ufe00-\ufe0f\U000e0100-\U000e01ef])"
NAME = rf"{_LETTER}(?:{_LETTER}|[0-9 ·•・‧'’.()（）×*-])*"


@dataclass(frozen=True, slots=True)
class Patient:
    """Who the patient is; everything here but sex and age identifies."""

    name: str | None = text(40, NAME)
    sex: str | None = choice("男", "女")
    age: int | None = whole(0, 130)
    id_number: str | None = text(18, r"[0-9]{17}[0-9X]")
    phone: str | None = text(20, r"[+0-9][0-9 -]{4,18}[0-9]")
    address: str | None = text(60)
    admission_no: str | None = text(20, r"[A-Za-z0-9-]+")
    bed: str | None = text(10, r"[A-Za-z0-9+-]+")


@dataclass(frozen=True, slots=True)
class Informant:
    """Who told the history when it was not the patient."""

    name: str | None = text(40, NAME)
    relation: str | None = text(10)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long: a number and a unit."""

    value: float | None = number(0.5, 100)
    unit: str | None = choice(*UNITS)


@dataclass(frozen=True, slots=True)
class ChiefComplaint:
    """What brought the patient: eye, symptom, duration and what it keeps them from."""

    eye: str | None = choice(*EYES)
    symptom: str | None = text(30)
    duration: Duration | None = record()
    course: str | None = text(20)
    associated: tuple[str, ...] | None = listed(text(20), 4)
    affects: tuple[str, ...] | None = listed(text(20), 4)


@dataclass(frozen=True, slots=True)
class LocsGrade:
    """Lens Opacities Classification System III: cortical, nuclear, posterior subcapsular."""

    cortical: float | None = number(0, 9)
    nuclear: float | None = number(0, 9)
    posterior: float | None = number(0, 9)


@dataclass(frozen=True, slots=True)
class EyeFindings:
    """One eye: acuity, pressure (mmHg), findings, lens grading and biometry (mm, D)."""

    visual_acuity: str | None = acuity()
    corrected_acuity: str | None = acuity()
    intraocular_pressure: float | None = number(-100, 1000)
    cornea: str | None = text(20)
    anterior_chamber: str | None = text(20)
    pupil: str | None = text(20)
    lens: str | None = text(20)
    locs: LocsGrade | None = record()
    emery: str | None = choice(*NUCLEAR_GRADES)
    fundus: str | None = text(20)
    axial_length: float | None = number(0, 100)
    k1: float | None = number(0, 100)
    k2: float | None = number(0, 100)
    iol_power: float | None = number(-30, 60)


@dataclass(frozen=True, slots=True)
class ChronicDisease:
    """A disease in the history, its years and its drugs."""

    disease: str | None = text(20)
    years: float | None = number(0, 100)
    drugs: tuple[str, ...] | None = listed(text(20), 4)


@dataclass(frozen=True, slots=True)
class History:
    """What was before; an empty list denies, an absent one is not known."""

    chronic: tuple[ChronicDisease, ...] | None = listed(ChronicDisease, 3)
    surgery: tuple[str, ...] | None = listed(text(30), 3)
    trauma: tuple[str, ...] | None = listed(text(30), 3)
    pregnancy_weeks: int | None = whole(0, 45)


@dataclass(frozen=True, slots=True)
class Allergy:
    """A drug and what it did."""

    drug: str | None = text(20)
    reaction: str | None = text(20)


@dataclass(frozen=True, slots=True)
class Allergies:
    """Whether there are allergies, and which."""

    status: str | None = choice("无", "有")
    items: tuple[Allergy, ...] | None = listed(Allergy, 3)


@dataclass(frozen=True, slots=True)
class Personal:
    """Habits."""

    smoking: str | None = text(20)
    drinking: str | None = text(20)


@dataclass(frozen=True, slots=True)
class Vitals:
    """Blood pressure (mmHg), glucose (mmol/L) and pulse (per minute)."""

    systolic: int | None = whole(0, 400)
    diastolic: int | None = whole(0, 300)
    glucose: float | None = number(0, 100)
    pulse: int | None = whole(0, 400)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis; `eye` only where it has a side."""

    eye: str | None = choice(*EYES)
    name: str | None = text(30)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be done, to which eye, when and how."""

    eye: str | None = choice(*EYES)
    procedure: str | None = text(40)
    date: dt.date | None = date()
    anaesthesia: str | None = text(20)
    lens_model: str | None = text(20)
    drugs: tuple[str, ...] | None = listed(text(20), 4)
    measures: tuple[str, ...] | None = listed(text(30), 4)


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """The facts that an admission note is drafted from."""

    patient: Patient | None = record()
    department: str | None = text(20)
    admission_date: dt.date | None = date()
    discharge_date: dt.date | None = date()
    informant: Informant | None = record()
    chief_complaint: ChiefComplaint | None = record()
    right_eye: EyeFindings | None = record()
    left_eye: EyeFindings | None = record()
    history: History | None = record()
    allergies: Allergies | None = record()
    personal: Personal | None = record()
    vitals: Vitals | None = record()
    diagnoses: tuple[Diagnosis, ...] | None = listed(Diagnosis, 4)
    plan: Plan | None = record()

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str | bytes) -> "AdmissionFacts":
        """Facts from a JSON object or its text.

        Raises:
            FactsUnreadable: no JSON, an unknown key, a wrong type, out of range, or no name.
        """
        found = _parsed(value) if isinstance(value, str | bytes) else value
        facts: AdmissionFacts = read(cls, found)
        if facts.patient is None or facts.patient.name is None:
            raise wrong("patient.name", "必须填写姓名", "a name is required")
        return facts

    def to_json(self) -> dict[str, Any]:
        """The JSON object; absent facts are left out."""
        found: dict[str, Any] = plain(self)
        return found


def _parsed(value: str | bytes) -> Any:
    try:
        return json.loads(value, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise wrong("$", "不是合法的 JSON", "it is not JSON") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two values for one key neither can be trusted."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        shown = re.sub(r"[^\w.-]", "?", twice)[:40]
        raise wrong(shown, "字段重复", "the field is given twice")
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of AdmissionFacts."""
    found = schema_of(AdmissionFacts)
    found["required"] = ["patient"]
    found["properties"]["patient"]["required"] = ["name"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AdmissionFacts",
        **found,
    }
