"""Contradictions about the patient: identity number, sex, age and dates."""

from models.reference.conflict import Conflict, Found, Rule
from models.reference.facts import AdmissionFacts
from models.reference.identity import age_on, birth_date, number_is_valid, sex

FERTILE = (12, 55)


def _pregnancy(facts: AdmissionFacts) -> Found:
    patient, history = facts.patient, facts.history
    if patient and history and patient.sex == "男" and history.pregnancy_weeks is not None:
        yield Conflict(
            "male-pregnancy",
            ("patient.sex", "history.pregnancy_weeks"),
            "患者性别为男，却填写了妊娠。",
            "The patient is male, yet a pregnancy is given.",
        )
    if patient and history and history.pregnancy_weeks is not None and patient.age is not None:
        low, high = FERTILE
        if not low <= patient.age <= high:
            yield Conflict(
                "pregnancy-age",
                ("patient.age", "history.pregnancy_weeks"),
                f"患者{patient.age}岁，却填写了妊娠，请确认。",
                f"The patient is {patient.age} years old, yet a pregnancy is given; please confirm.",
                "flag",
            )


def _dates(facts: AdmissionFacts) -> Found:
    admitted = facts.admission_date
    operated = facts.plan.date if facts.plan else None
    pairs = (
        (
            "plan.date",
            operated,
            "admission_date",
            admitted,
            "手术日期早于入院日期。",
            "Surgery is before admission.",
        ),
        (
            "discharge_date",
            facts.discharge_date,
            "admission_date",
            admitted,
            "出院日期早于入院日期。",
            "Discharge is before admission.",
        ),
        (
            "discharge_date",
            facts.discharge_date,
            "plan.date",
            operated,
            "出院日期早于手术日期。",
            "Discharge is before surgery.",
        ),
    )
    for later, late, earlier, early, zh, en in pairs:
        if late and early and late < early:
            yield Conflict("date-order", (later, earlier), zh, en)


def _identity_number(facts: AdmissionFacts) -> Found:
    patient = facts.patient
    number = patient.id_number if patient else None
    if patient is None or number is None:
        return
    if not number_is_valid(number):
        yield Conflict(
            "id-invalid",
            ("patient.id_number", "patient.id_number"),
            "身份证号无效（日期或校验码不对）。",
            "The identity number is not valid (date or check digit).",
        )
        return
    if patient.sex and patient.sex != sex(number):
        yield Conflict(
            "id-sex",
            ("patient.sex", "patient.id_number"),
            f"性别（{patient.sex}）与身份证号不符。",
            f"The sex ({patient.sex}) does not agree with the identity number.",
        )
    born = birth_date(number)
    if born and facts.admission_date and born > facts.admission_date:
        yield Conflict(
            "id-birth",
            ("patient.id_number", "admission_date"),
            "身份证号中的出生日期晚于入院日期。",
            "The birth date in the identity number is after admission.",
        )
        return
    if born is None or facts.admission_date is None or patient.age is None:
        return
    # One year of grace: clinics also count by calendar years.
    if abs(age_on(born, facts.admission_date) - patient.age) > 1:
        yield Conflict(
            "id-age",
            ("patient.age", "patient.id_number"),
            f"年龄（{patient.age}岁）与身份证号不符。",
            f"The age ({patient.age}) does not agree with the identity number.",
        )


def _lifetimes(facts: AdmissionFacts) -> Found:
    age = facts.patient.age if facts.patient else None
    if age is None:
        return
    for n, each in enumerate((facts.history.chronic if facts.history else None) or (), 1):
        if each.years is not None and each.years > age + 1:
            yield Conflict(
                "years-age",
                (f"history.chronic.{n}.years", "patient.age"),
                "病程长于年龄。",
                "A disease is older than the patient.",
            )
    duration = facts.chief_complaint.duration if facts.chief_complaint else None
    if (
        duration
        and duration.unit == "年"
        and duration.value is not None
        and duration.value > age + 1
    ):
        yield Conflict(
            "duration-age",
            ("chief_complaint.duration", "patient.age"),
            "主诉时间长于年龄。",
            "The complaint is older than the patient.",
        )


RULES: tuple[Rule, ...] = (
    _pregnancy,
    _dates,
    _identity_number,
    _lifetimes,
)
