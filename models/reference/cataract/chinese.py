"""The Chinese note language of a cataract admission: complaint, both eyes, diagnosis and plan."""

from models.reference.clerking import (
    GENERAL_FIELDS,
    GENERAL_UNITS,
    PAST_FIELDS,
    PAST_UNITS,
    SECTIONS,
)
from models.reference.language import Field, NoteLanguage, Unit

_CHIEF_FIELDS = (
    Field("chief_complaint.eye", "主诉眼别", "eye"),
    Field("chief_complaint.symptom", "症状"),
    Field("chief_complaint.duration", "时间", "span"),
    Field("chief_complaint.course", "病情变化"),
    Field("chief_complaint.associated", "伴随症状"),
    Field("chief_complaint.associated.items", "伴随症状"),
    Field("chief_complaint.affects", "影响"),
)

_PLAN_FIELDS = (
    Field("vitals.blood_pressure", "血压"),
    Field("vitals.glucose", "血糖"),
    Field("vitals.pulse", "脉搏"),
    Field("diagnoses", "诊断"),
    *(Field(f"diagnoses.{place}", f"诊断{numeral}") for place, numeral in enumerate("一二三四", 1)),
    Field("plan", "诊疗计划"),
    Field("plan.eye", "手术眼别", "eye"),
    Field("plan.procedure", "手术方式"),
    Field("plan.anaesthesia", "麻醉方式"),
    Field("plan.date", "手术日期"),
    Field("plan.lens_model", "人工晶状体类型"),
    Field("plan.drugs", "术前用药"),
    Field("plan.measures", "诊疗措施"),
    Field("discharge_date", "预计出院日期"),
)

_CHIEF = "{chief_complaint.eye}{chief_complaint.symptom}"
_CHIEF_UNITS = (
    Unit(
        "chief",
        "chief",
        (
            _CHIEF + "{chief_complaint.duration}。",
            _CHIEF + "已{chief_complaint.duration}。",
            "发现" + _CHIEF + "{chief_complaint.duration}。",
        ),
    ),
    Unit(
        "onset",
        "present",
        (
            f"患者{_CHIEF}{{chief_complaint.duration}}，{{chief_complaint.course}}。",
            f"患者诉{_CHIEF}已{{chief_complaint.duration}}，{{chief_complaint.course}}。",
            f"患者自述{_CHIEF}{{chief_complaint.duration}}，症状{{chief_complaint.course}}。",
        ),
    ),
    Unit(
        "associated.none",
        "present",
        ("无伴随症状。", "无其他伴随症状。"),
        (("chief_complaint.associated", "无"),),
    ),
    Unit(
        "associated",
        "present",
        (
            "伴随症状：{chief_complaint.associated.items}。",
            "伴{chief_complaint.associated.items}。",
            "同时伴有{chief_complaint.associated.items}。",
        ),
    ),
    Unit(
        "affects",
        "present",
        (
            "影响{chief_complaint.affects}。",
            "日常{chief_complaint.affects}受到影响。",
            "对{chief_complaint.affects}有影响。",
        ),
    ),
)

_SURGERY = "{plan.eye}{plan.procedure}"
_PLAN_UNITS = (
    Unit("pressure", "tests", ("血压{vitals.blood_pressure}。", "测血压{vitals.blood_pressure}。")),
    Unit("glucose", "tests", ("血糖{vitals.glucose}。", "测血糖{vitals.glucose}。")),
    Unit("pulse", "tests", ("脉搏{vitals.pulse}。", "脉搏为{vitals.pulse}。")),
    Unit("diagnosis.unknown", "diagnosis", ("诊断未提供。",), (("diagnoses", "未提供"),)),
    *(
        Unit(
            f"diagnosis.{place}",
            "diagnosis",
            (f"{place}.{{diagnoses.{place}}}。", f"（{place}）{{diagnoses.{place}}}。"),
        )
        for place in (1, 2, 3, 4)
    ),
    Unit("plan.unknown", "plan", ("诊疗计划未提供。",), (("plan", "未提供"),)),
    Unit(
        "surgery.plan",
        "plan",
        (
            f"拟行{_SURGERY}。",
            f"计划行{_SURGERY}。",
            f"拟择期行{_SURGERY}。",
        ),
    ),
    Unit(
        "surgery.when",
        "plan",
        (
            "麻醉方式：{plan.anaesthesia}，手术日期：{plan.date}。",
            "采用{plan.anaesthesia}，手术日期{plan.date}。",
            "手术日期{plan.date}，麻醉方式为{plan.anaesthesia}。",
        ),
    ),
    Unit(
        "lens.model",
        "plan",
        ("人工晶状体类型：{plan.lens_model}。", "拟植入{plan.lens_model}人工晶状体。"),
    ),
    Unit("plan.drugs", "plan", ("术前用药：{plan.drugs}。", "术前给予{plan.drugs}。")),
    Unit("plan.measures", "plan", ("诊疗措施：{plan.measures}。", "入院后{plan.measures}。")),
    Unit("discharge", "plan", ("预计出院日期：{discharge_date}。", "预计{discharge_date}出院。")),
)


def _eye_fields(side: str, eye: str) -> tuple[Field, ...]:
    labels = (
        ("visual_acuity", "视力"),
        ("corrected_acuity", "矫正视力"),
        ("intraocular_pressure", "眼压"),
        ("cornea", "角膜"),
        ("anterior_chamber", "前房"),
        ("pupil", "瞳孔"),
        ("lens", "晶状体"),
        ("grading", "分级"),
        ("fundus", "眼底"),
        ("axial_length", "眼轴"),
        ("k1", "K1："),
        ("k2", "K2："),
        ("iol_power", "人工晶状体度数"),
    )
    return tuple(Field(f"{side}.{key}", eye + label) for key, label in labels)


def _eye_units(side: str, eye: str) -> tuple[Unit, ...]:
    exam = (
        (
            "acuity",
            (
                "@视力{#visual_acuity}，矫正视力{#corrected_acuity}，眼压{#intraocular_pressure}。",
                "@裸眼视力{#visual_acuity}，矫正视力{#corrected_acuity}，眼压{#intraocular_pressure}。",
                "@视力{#visual_acuity}，矫正视力为{#corrected_acuity}，眼压为{#intraocular_pressure}。",
            ),
            "corrected_acuity",
        ),
        (
            "acuity.plain",
            (
                "@视力{#visual_acuity}，眼压{#intraocular_pressure}。",
                "@裸眼视力{#visual_acuity}，眼压{#intraocular_pressure}。",
                "@视力{#visual_acuity}，眼压为{#intraocular_pressure}。",
            ),
            "-corrected_acuity",
        ),
        (
            "front",
            (
                "@角膜{#cornea}，前房{#anterior_chamber}，瞳孔{#pupil}。",
                "@查体见角膜{#cornea}，前房{#anterior_chamber}，瞳孔{#pupil}。",
            ),
            "",
        ),
        (
            "lens",
            (
                "@晶状体{#lens}，分级{#grading}。",
                "@晶状体{#lens}，混浊分级为{#grading}。",
                "@晶体{#lens}，分级{#grading}。",
            ),
            "grading",
        ),
        ("lens.plain", ("@晶状体{#lens}。", "@晶体{#lens}。"), "-grading"),
        ("fundus", ("@眼底{#fundus}。", "@眼底检查{#fundus}。"), ""),
    )
    bio = (
        "@眼轴{#axial_length}，K1：{#k1}，K2：{#k2}，人工晶状体度数{#iol_power}。",
        "@生物测量眼轴{#axial_length}，K1：{#k1}，K2：{#k2}，拟用人工晶状体度数{#iol_power}。",
    )

    def sided(templates: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each.replace("@", eye).replace("#", f"{side}.") for each in templates)

    units = tuple(
        Unit(
            f"{side}.{name}",
            "exam",
            sided(each),
            needs=(f"{side}.{key}",) if key and key[0] != "-" else (),
            without=(f"{side}.{key[1:]}",) if key[:1] == "-" else (),
        )
        for name, each, key in exam
    )
    return (*units, Unit(f"{side}.biometry", "tests", sided(bio)))


CHINESE = NoteLanguage(
    name="cataract-zh",
    tongue="zh",
    department="眼科",
    sections=SECTIONS,
    fields=(
        *GENERAL_FIELDS,
        *_CHIEF_FIELDS,
        *PAST_FIELDS,
        *_eye_fields("right_eye", "右眼"),
        *_eye_fields("left_eye", "左眼"),
        *_PLAN_FIELDS,
    ),
    units=(
        *GENERAL_UNITS,
        *_CHIEF_UNITS,
        *PAST_UNITS,
        *_eye_units("right_eye", "右眼"),
        *_eye_units("left_eye", "左眼"),
        *_PLAN_UNITS,
    ),
)
