"""Draws an invented record of a department: one consistent sheet from a seed."""

import datetime as dt
import random
from typing import Any

from models.reference.cataract.sampling import sample_habits, sample_history
from models.reference.cataract.values import sheet_of
from models.reference.chance import chance, some
from models.reference.departments.spec import Department, Measure
from models.reference.factfields import plain
from models.reference.facts import AdmissionFacts
from models.reference.language import Sheet
from models.reference.people import sample_patient

_SHARED = ("patient", "department", "admission_date", "history", "allergies", "personal", "vitals")
_ADULT = 18
MEASURES = (
    "完善相关检查",
    "监测生命体征",
    "对症支持治疗",
    "健康宣教",
    "请相关科室会诊",
    "监测血压",
)


def draw(
    rng: random.Random, department: Department, difficulty: str = "ordinary", split: str = "train"
) -> Sheet:
    """A sheet of one invented patient of a department; odd ones have rare names and gaps."""
    day = dt.date(2023, 1, 1) + dt.timedelta(days=rng.randrange(1200))
    pool = "usual" if difficulty == "ordinary" else "rare"
    patient = sample_patient(
        rng, pool, ages=department.ages, day=day, split=split, sex=department.sex
    )
    age = patient.age or 0
    shared: dict[str, Any] = {
        "patient": plain(patient),
        "department": department.title,
        "admission_date": day.isoformat(),
        "vitals": {
            "systolic": rng.randint(96, 168),
            "diastolic": rng.randint(56, 94),
            "pulse": rng.randint(56, 118),
        },
        **sample_history(rng, age if age >= _ADULT else 0),
        **sample_habits(rng, adult=age >= _ADULT),
    }
    written = sheet_of(AdmissionFacts.from_json(shared)).values
    values = {key: value for key, value in written.items() if key.startswith(_SHARED)}
    values |= _own(rng, department)
    if difficulty == "odd":
        for key in rng.sample(sorted(_own(rng, department)), 3):
            values.pop(key, None)
    return Sheet(department.name, values)


def _own(rng: random.Random, department: Department) -> dict[str, str]:
    found = {
        "chief_complaint.symptom": rng.choice(department.symptoms),
        "chief_complaint.duration": f"{rng.randint(1, 11)}{rng.choice(department.units)}",
        "chief_complaint.trigger": rng.choice(department.triggers),
        "chief_complaint.course": rng.choice(department.courses),
    }
    if with_it := some(rng, department.associated, 2):
        found["chief_complaint.associated.items"] = "、".join(with_it)
    else:
        found["chief_complaint.associated"] = "无"
    for n, finding in enumerate(department.findings, 1):
        found[f"exam.{n}"] = rng.choice(finding.seen)
    for n, measure in enumerate(department.measures, 1):
        found[f"tests.{n}"] = _measured(rng, measure)
    for n, diagnosis in enumerate(some(rng, department.diagnoses, 2, 1), 1):
        found[f"diagnoses.{n}"] = diagnosis
    found["plan.treatment"] = rng.choice(department.treatments)
    if department.drugs and chance(rng, 0.7):
        found["plan.drugs"] = "、".join(some(rng, department.drugs, 2, 1))
    found["plan.measures"] = "、".join(some(rng, MEASURES, 2, 1))
    return found


def _measured(rng: random.Random, measure: Measure) -> str:
    scale = 10**measure.decimals
    drawn = rng.randint(round(measure.low * scale), round(measure.high * scale))
    return f"{drawn / scale:.{measure.decimals}f}{measure.unit}"
