"""The fields of the admission-note form: path and label, in groups, and an example."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FactField:
    """One field of the facts, at its path."""

    path: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading."""

    zh: str
    en: str
    fields: tuple[FactField, ...]


def _eye(key: str) -> tuple[FactField, ...]:
    rows = (
        ("visual_acuity", "视力", "acuity"),
        ("corrected_acuity", "矫正视力", "corrected"),
        ("intraocular_pressure", "眼压 mmHg", "IOP"),
        ("lens", "晶状体", "lens"),
        ("locs.cortical", "皮质 C", "cortical"),
        ("locs.nuclear", "核 N", "nuclear"),
        ("locs.posterior", "后囊下 P", "posterior"),
        ("fundus", "眼底", "fundus"),
    )
    return tuple(FactField(f"{key}.{path}", label, en) for path, label, en in rows)


GROUPS = (
    Group(
        "病人",
        "Patient",
        (
            FactField("patient.name", "姓名", "name"),
            FactField("patient.sex", "性别", "sex"),
            FactField("patient.age", "年龄", "age"),
            FactField("patient.admission_no", "住院号", "admission no"),
            FactField("patient.bed", "床号", "bed"),
            FactField("admission_date", "入院日期", "admitted"),
        ),
    ),
    Group(
        "主诉",
        "Complaint",
        (
            FactField("chief_complaint.eye", "主诉眼别", "eye"),
            FactField("chief_complaint.symptom", "症状", "symptom"),
            FactField("chief_complaint.duration.value", "时长", "for"),
            FactField("chief_complaint.duration.unit", "单位", "unit"),
            FactField("chief_complaint.course", "变化", "course"),
        ),
    ),
    Group("右眼", "Right eye", _eye("right_eye")),
    Group("左眼", "Left eye", _eye("left_eye")),
    Group(
        "病史",
        "History",
        (
            FactField("history.chronic.0.disease", "慢性病", "chronic"),
            FactField("history.chronic.0.years", "年数", "years"),
            FactField("allergies.status", "过敏", "allergy"),
            FactField("allergies.items.0.drug", "过敏药物", "drug"),
            FactField("allergies.items.0.reaction", "反应", "reaction"),
            FactField("vitals.systolic", "收缩压", "systolic"),
            FactField("vitals.diastolic", "舒张压", "diastolic"),
            FactField("vitals.glucose", "血糖", "glucose"),
        ),
    ),
    Group(
        "诊断与计划",
        "Diagnosis and plan",
        (
            FactField("diagnoses.0.eye", "诊断眼别", "eye"),
            FactField("diagnoses.0.name", "诊断", "diagnosis"),
            FactField("plan.eye", "手术眼别", "eye"),
            FactField("plan.procedure", "手术", "procedure"),
            FactField("plan.date", "手术日期", "date"),
            FactField("plan.anaesthesia", "麻醉", "anaesthesia"),
            FactField("plan.drugs", "用药", "drugs"),
            FactField("plan.measures", "措施", "measures"),
        ),
    ),
)
FIELDS = tuple(field for group in GROUPS for field in group.fields)
PATHS = tuple(field.path for field in FIELDS)

# Facts that no field shows, by the last part of their path.
FURTHER = {
    "id_number": "身份证号",
    "phone": "电话",
    "address": "住址",
    "department": "科室",
    "informant": "陪诊人",
    "associated": "伴随症状",
    "affects": "影响",
    "cornea": "角膜",
    "anterior_chamber": "前房",
    "pupil": "瞳孔",
    "axial_length": "眼轴",
    "k1": "K1",
    "k2": "K2",
    "iol_power": "人工晶状体度数",
    "surgery": "手术史",
    "trauma": "外伤史",
    "pregnancy_weeks": "孕周",
    "smoking": "吸烟",
    "drinking": "饮酒",
    "pulse": "脉搏",
    "lens_model": "晶状体型号",
    "discharge_date": "出院日期",
    "grading": "分级",
    "emery": "分级",
}
SIDES = {"right_eye": "右眼", "left_eye": "左眼"}

# An invented patient: nobody of this name was ever treated.
EXAMPLE: dict[str, Any] = {
    "patient": {
        "name": "王秀兰",
        "sex": "女",
        "age": 71,
        "admission_no": "ZY20260105",
        "bed": "16",
    },
    "department": "眼科",
    "admission_date": "2026-01-05",
    "chief_complaint": {
        "eye": "左眼",
        "symptom": "视物模糊",
        "duration": {"value": 3, "unit": "年"},
        "course": "逐渐加重",
        "affects": ["阅读", "看电视"],
    },
    "right_eye": {
        "visual_acuity": "0.6",
        "corrected_acuity": "0.8",
        "intraocular_pressure": 14,
        "cornea": "透明",
        "anterior_chamber": "深度正常",
        "pupil": "圆、对光反射灵敏",
        "lens": "轻度混浊",
        "locs": {"cortical": 1, "nuclear": 2, "posterior": 1},
        "fundus": "未见明显异常",
    },
    "left_eye": {
        "visual_acuity": "0.12",
        "corrected_acuity": "0.2",
        "intraocular_pressure": 16,
        "cornea": "透明",
        "anterior_chamber": "深度正常",
        "pupil": "圆、对光反射灵敏",
        "lens": "混浊",
        "locs": {"cortical": 3, "nuclear": 3, "posterior": 2},
        "fundus": "窥不清",
        "axial_length": 23.18,
        "k1": 43.5,
        "k2": 44.25,
        "iol_power": 21.0,
    },
    "history": {
        "chronic": [{"disease": "高血压病", "years": 12, "drugs": ["氨氯地平"]}],
        "surgery": [],
        "trauma": [],
    },
    "allergies": {"status": "有", "items": [{"drug": "青霉素", "reaction": "皮疹"}]},
    "personal": {"smoking": "不吸烟", "drinking": "不饮酒"},
    "vitals": {"systolic": 136, "diastolic": 80, "glucose": 5.4},
    "diagnoses": [{"eye": "左眼", "name": "年龄相关性白内障"}, {"name": "高血压病"}],
    "plan": {
        "eye": "左眼",
        "procedure": "白内障超声乳化摘除联合人工晶状体植入术",
        "date": "2026-01-07",
        "anaesthesia": "表面麻醉",
        "drugs": ["左氧氟沙星滴眼液"],
        "measures": ["完善术前检查", "监测血压"],
    },
}
