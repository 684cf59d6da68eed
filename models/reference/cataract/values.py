"""Values of a cataract admission: the facts written out as a note writes them, in two tongues."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from models.reference.cataract.terms import english
from models.reference.factfields import written
from models.reference.facts import AdmissionFacts, ChiefComplaint, Diagnosis, Duration, EyeFindings
from models.reference.language import MISSING, Sheet

LANGUAGES = {"zh": "cataract-zh", "en": "cataract-en"}
NONE = {"zh": "无", "en": "none"}
_GAPS = {
    "zh": {
        "eye": "眼别未提供",
        "symptom": "症状未提供",
        "duration": "时间未提供",
        "course": "病情变化未提供",
        "smoking": "吸烟情况未提供",
        "drinking": "饮酒情况未提供",
    },
    "en": {
        "eye": "eye not provided",
        "symptom": "symptom not provided",
        "smoking": "smoking not provided",
        "drinking": "alcohol not provided",
    },
}
_EN_UNITS = {"天": "day", "周": "week", "个月": "month", "年": "year"}

_BREAKS = "[,;\uff0c\uff1b\u3002\uff61]"
_ZH_BREAKS = re.compile(_BREAKS)
_EN_BREAKS = re.compile(rf"{_BREAKS}|[.](?=\s|$)")
_THOUSANDS = re.compile("(?<=[0-9])[,\uff0c](?=[0-9]{3})")

Pairs = Iterator[tuple[str, str | None]]


def sheet_of(facts: AdmissionFacts, tongue: str = "zh") -> Sheet:
    """The sheet of an admission: every present fact by key, as written."""
    writer = _Writer(tongue)
    pairs = writer.all(facts)
    return Sheet(LANGUAGES[tongue], {key: value for key, value in pairs if value is not None})


def phrase(text: str, tongue: str = "zh") -> str:
    """A text as one phrase: what would end or split a sentence becomes 、 (in English, a slash)."""
    joint, breaks = ("、", _ZH_BREAKS) if tongue == "zh" else (" / ", _EN_BREAKS)
    parts = [part.strip() for part in breaks.split(_THOUSANDS.sub("", text))]
    return joint.join(part for part in parts if part) or joint.strip()


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


class _Writer:
    """Writes facts as values in one tongue."""

    def __init__(self, tongue: str) -> None:
        self._tongue = tongue
        self._gaps = _GAPS[tongue]

    def all(self, facts: AdmissionFacts) -> Pairs:
        yield from self._who(facts)
        yield from self._complaint(facts)
        yield from self._past(facts)
        yield from self._allergies(facts)
        for side, eye in (("right_eye", facts.right_eye), ("left_eye", facts.left_eye)):
            if eye is not None:
                yield from self._eye(side, eye)
        yield from self._vitals(facts)
        yield from self._diagnoses(facts.diagnoses)
        yield from self._plan(facts)

    def _word(self, text: str | None) -> str | None:
        if text is None:
            return None
        found = english(text) if self._tongue == "en" else text
        return phrase(found, self._tongue)

    def _words(self, texts: Sequence[str] | None) -> str | None:
        if not texts:
            return None
        joint = "、" if self._tongue == "zh" else " and "
        return joint.join(str(self._word(each)) for each in texts)

    def _measure(self, value: float | None, unit: str) -> str | None:
        return None if value is None else f"{written(value)}{unit}"

    def _span(self, duration: Duration | None) -> str | None:
        if duration is None or duration.value is None or duration.unit is None:
            return None
        return self._long(duration.value, duration.unit)

    def _long(self, value: float, unit: str) -> str:
        if self._tongue == "zh":
            return f"{written(value)}{unit}"
        return f"{written(value)} {_EN_UNITS[unit]}{'' if value == 1 else 's'}"

    def _who(self, facts: AdmissionFacts) -> Pairs:
        patient, informant = facts.patient, facts.informant
        if patient is not None:
            yield "patient.name", patient.name
            yield "patient.sex", self._word(patient.sex)
            yield (
                "patient.age",
                self._measure(patient.age, "岁" if self._tongue == "zh" else " years"),
            )
            for key in ("id_number", "phone", "admission_no", "bed"):
                yield f"patient.{key}", getattr(patient, key)
            yield (
                "patient.address",
                phrase(patient.address, self._tongue) if patient.address else None,
            )
        if informant is not None:
            yield "informant.name", informant.name
            yield "informant.relation", self._word(informant.relation)
        yield "department", self._word(facts.department)
        yield "admission_date", _day(facts.admission_date)
        yield "discharge_date", _day(facts.discharge_date)

    def _complaint(self, facts: AdmissionFacts) -> Pairs:
        chief, gaps = facts.chief_complaint or ChiefComplaint(), self._gaps
        missing = MISSING[self._tongue]
        yield "chief_complaint.eye", self._word(chief.eye) or gaps["eye"]
        yield "chief_complaint.symptom", self._word(chief.symptom) or gaps["symptom"]
        span = self._span(chief.duration)
        yield "chief_complaint.duration", span or gaps.get("duration", missing)
        yield (
            "chief_complaint.course",
            self._word(chief.course) or gaps.get("course", missing),
        )
        if chief.associated == ():
            yield "chief_complaint.associated", NONE[self._tongue]
        yield "chief_complaint.associated.items", self._words(chief.associated)
        yield "chief_complaint.affects", self._words(chief.affects)

    def _past(self, facts: AdmissionFacts) -> Pairs:
        history = facts.history
        for name in ("chronic", "surgery", "trauma"):
            found = getattr(history, name) if history else None
            if not found:
                yield (
                    f"history.{name}",
                    NONE[self._tongue] if found == () else MISSING[self._tongue],
                )
        if history is None:
            return
        for place, item in enumerate(history.chronic or (), 1):
            key = f"history.chronic.{place}"
            yield f"{key}.disease", self._word(item.disease) or MISSING[self._tongue]
            yield f"{key}.years", None if item.years is None else self._long(item.years, "年")
            none = NONE[self._tongue]
            yield f"{key}.drugs", none if item.drugs == () else self._words(item.drugs)
        yield "history.surgery.items", self._words(history.surgery)
        yield "history.trauma.items", self._words(history.trauma)
        weeks = history.pregnancy_weeks
        if weeks is not None:
            yield (
                "history.pregnancy_weeks",
                f"孕{weeks}周" if self._tongue == "zh" else f"{weeks} weeks",
            )

    def _allergies(self, facts: AdmissionFacts) -> Pairs:
        items = (facts.allergies.items if facts.allergies else None) or ()
        status = facts.allergies.status if facts.allergies else None
        if not items:
            known = {"无": NONE[self._tongue], "有": "有" if self._tongue == "zh" else "yes"}
            yield "allergies.status", known.get(status or "", MISSING[self._tongue])
        for place, item in enumerate(items, 1):
            yield f"allergies.{place}.drug", self._word(item.drug) or MISSING[self._tongue]
            yield f"allergies.{place}.reaction", self._word(item.reaction)
        if facts.personal is not None and (facts.personal.smoking or facts.personal.drinking):
            for habit in ("smoking", "drinking"):
                found = self._word(getattr(facts.personal, habit))
                yield f"personal.{habit}", found or self._gaps[habit]
        else:
            yield "personal", MISSING[self._tongue]

    def _eye(self, side: str, eye: EyeFindings) -> Pairs:
        yield f"{side}.visual_acuity", self._word(eye.visual_acuity)
        yield f"{side}.corrected_acuity", self._word(eye.corrected_acuity)
        yield f"{side}.intraocular_pressure", self._measure(eye.intraocular_pressure, "mmHg")
        for key in ("cornea", "anterior_chamber", "pupil", "lens", "fundus"):
            yield f"{side}.{key}", self._word(getattr(eye, key))
        yield f"{side}.grading", self._grading(eye)
        yield f"{side}.axial_length", self._measure(eye.axial_length, "mm")
        for key in ("k1", "k2", "iol_power"):
            yield f"{side}.{key}", self._measure(getattr(eye, key), "D")

    def _grading(self, eye: EyeFindings) -> str | None:
        locs, parts = eye.locs, []
        if locs is not None:
            scales = (("C", locs.cortical), ("N", locs.nuclear), ("P", locs.posterior))
            parts.append("".join(f"{name}{written(v)}" for name, v in scales if v is not None))
        if eye.emery is not None:
            grade = eye.emery.removesuffix("级")
            parts.append(f"核{eye.emery}" if self._tongue == "zh" else f"grade {grade} nucleus")
        joint = "、" if self._tongue == "zh" else " and "
        return joint.join(each for each in parts if each) or None

    def _vitals(self, facts: AdmissionFacts) -> Pairs:
        vitals = facts.vitals
        if vitals is None:
            return
        high, low = vitals.systolic, vitals.diastolic
        if high is not None and low is not None:
            yield "vitals.blood_pressure", f"{high}/{low}mmHg"
        elif high is not None or low is not None:
            gap = MISSING[self._tongue]
            upper, lower = gap if high is None else high, gap if low is None else low
            yield "vitals.blood_pressure", f"{upper}/{lower}mmHg"
        yield "vitals.glucose", self._measure(vitals.glucose, "mmol/L")
        beats = "次/分" if self._tongue == "zh" else "/min"
        yield "vitals.pulse", self._measure(vitals.pulse, beats)

    def _diagnoses(self, diagnoses: Sequence[Diagnosis] | None) -> Pairs:
        for place, item in enumerate(diagnoses or (), 1):
            name = self._word(item.name) or MISSING[self._tongue]
            if item.eye is None:
                yield f"diagnoses.{place}", name
            elif self._tongue == "zh":
                yield f"diagnoses.{place}", item.eye + name
            else:
                yield f"diagnoses.{place}", f"{name} of {english(item.eye)}"
        if not diagnoses:
            yield "diagnoses", MISSING[self._tongue]

    def _plan(self, facts: AdmissionFacts) -> Pairs:
        plan = facts.plan
        if plan is None:
            yield "plan", MISSING[self._tongue]
            return
        if plan.eye or plan.procedure:
            yield "plan.eye", self._word(plan.eye) or self._gaps["eye"]
            yield "plan.procedure", self._word(plan.procedure)
        yield "plan.date", _day(plan.date)
        yield "plan.anaesthesia", self._word(plan.anaesthesia)
        yield "plan.lens_model", self._word(plan.lens_model)
        yield "plan.drugs", self._words(plan.drugs)
        yield "plan.measures", self._words(plan.measures)
