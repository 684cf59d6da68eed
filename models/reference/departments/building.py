"""Builds the note language of a department from its specification."""

from models.reference.clerking import (
    GENERAL_FIELDS,
    GENERAL_UNITS,
    PAST_FIELDS,
    PAST_UNITS,
    SECTIONS,
)
from models.reference.departments.spec import Department
from models.reference.language import Field, NoteLanguage, Unit

_CHIEF_FIELDS = (
    Field("chief_complaint.symptom", "症状"),
    Field("chief_complaint.duration", "时间", "span"),
    Field("chief_complaint.trigger", "诱因"),
    Field("chief_complaint.course", "病情变化"),
    Field("chief_complaint.associated", "伴随症状"),
    Field("chief_complaint.associated.items", "伴随症状"),
)
_PLAN_FIELDS = (
    Field("vitals.blood_pressure", "血压"),
    Field("vitals.pulse", "脉搏"),
    *(Field(f"diagnoses.{place}", f"诊断{numeral}") for place, numeral in enumerate("一二三四", 1)),
    Field("plan.treatment", "治疗"),
    Field("plan.drugs", "给药"),
    Field("plan.measures", "诊疗措施"),
)
_CHIEF_UNITS = (
    Unit(
        "chief",
        "chief",
        (
            "{chief_complaint.symptom}{chief_complaint.duration}。",
            "反复{chief_complaint.symptom}{chief_complaint.duration}。",
            "{chief_complaint.symptom}已{chief_complaint.duration}。",
        ),
    ),
)
_ASSOCIATED_UNITS = (
    Unit(
        "associated.none",
        "present",
        ("无伴随症状。", "病程中无其他不适。"),
        (("chief_complaint.associated", "无"),),
    ),
    Unit(
        "associated",
        "present",
        (
            "伴{chief_complaint.associated.items}。",
            "伴随症状：{chief_complaint.associated.items}。",
            "病程中有{chief_complaint.associated.items}。",
        ),
    ),
)
_PLAN_UNITS = (
    Unit(
        "vitals",
        "exam",
        (
            "血压{vitals.blood_pressure}，脉搏{vitals.pulse}。",
            "生命体征：脉搏{vitals.pulse}，血压{vitals.blood_pressure}。",
        ),
    ),
    *(
        Unit(
            f"diagnosis.{place}",
            "diagnosis",
            (f"{place}.{{diagnoses.{place}}}。", f"（{place}）{{diagnoses.{place}}}。"),
        )
        for place in (1, 2, 3, 4)
    ),
    Unit("treatment", "plan", ("拟行{plan.treatment}。", "计划予{plan.treatment}。")),
    Unit("plan.drugs", "plan", ("给药：{plan.drugs}。", "予{plan.drugs}治疗。")),
    Unit("plan.measures", "plan", ("诊疗措施：{plan.measures}。", "入院后{plan.measures}。")),
)


def build(department: Department) -> NoteLanguage:
    """The note language of a department."""
    findings = tuple(
        Field(f"exam.{n}", each.label) for n, each in enumerate(department.findings, 1)
    )
    measures = tuple(
        Field(f"tests.{n}", each.label) for n, each in enumerate(department.measures, 1)
    )
    onset = Unit("onset", "present", department.onset)
    return NoteLanguage(
        name=department.name,
        tongue="zh",
        department=department.title,
        sections=SECTIONS,
        fields=(*GENERAL_FIELDS, *_CHIEF_FIELDS, *PAST_FIELDS, *findings, *measures, *_PLAN_FIELDS),
        units=(
            *GENERAL_UNITS,
            *_CHIEF_UNITS,
            onset,
            *_ASSOCIATED_UNITS,
            *PAST_UNITS,
            *_PLAN_UNITS[:1],
            *_pairs("exam", "exam", findings, "查体："),
            *_pairs("tests", "tests", measures, "化验及检查："),
            *_PLAN_UNITS[1:],
        ),
    )


def _pairs(stem: str, section: str, fields: tuple[Field, ...], lead: str) -> tuple[Unit, ...]:
    """Sentences of two values each."""
    found = []
    for start in range(0, len(fields), 2):
        pair = fields[start : start + 2]
        plain = "，".join(f"{each.label}{{{each.key}}}" for each in pair) + "。"
        turned = "，".join(f"{each.label}为{{{each.key}}}" for each in pair) + "。"
        found.append(Unit(f"{stem}.{start // 2 + 1}", section, (plain, turned, lead + plain)))
    return tuple(found)
