"""The example patient: the facts that the smoke check and the documentation draft from."""

from typing import Any

from models.reference.facts import AdmissionFacts


def example_facts() -> AdmissionFacts:
    """An invented patient with a cataract of the right eye."""
    return AdmissionFacts.from_json(_example())


def _example() -> dict[str, Any]:
    return {
        "patient": {
            "name": "林秀兰",
            "sex": "女",
            "age": 68,
            "id_number": "110101195608150024",
            "phone": "13800000000",
            "admission_no": "ZY20250316",
            "bed": "12",
        },
        "department": "眼科",
        "admission_date": "2025-03-16",
        "chief_complaint": {
            "eye": "右眼",
            "symptom": "视物模糊",
            "duration": {"value": 2, "unit": "年"},
            "course": "逐渐加重",
            "associated": ["畏光"],
            "affects": ["阅读", "看电视"],
        },
        "right_eye": {
            "visual_acuity": "0.1",
            "corrected_acuity": "0.2",
            "intraocular_pressure": 15,
            "cornea": "透明",
            "anterior_chamber": "深度正常",
            "pupil": "圆、对光反射灵敏",
            "lens": "混浊",
            "locs": {"cortical": 3, "nuclear": 3, "posterior": 2},
            "fundus": "窥不清",
            "axial_length": 23.46,
            "k1": 43.25,
            "k2": 44.5,
            "iol_power": 21.5,
        },
        "left_eye": {
            "visual_acuity": "0.5",
            "corrected_acuity": "0.8",
            "intraocular_pressure": 14,
            "cornea": "透明",
            "anterior_chamber": "深度正常",
            "pupil": "圆、对光反射灵敏",
            "lens": "轻度混浊",
            "locs": {"cortical": 1, "nuclear": 2, "posterior": 1},
            "fundus": "未见明显异常",
        },
        "history": {
            "chronic": [{"disease": "高血压病", "years": 10, "drugs": ["氨氯地平"]}],
            "surgery": [],
            "trauma": [],
        },
        "allergies": {"status": "有", "items": [{"drug": "青霉素", "reaction": "皮疹"}]},
        "personal": {"smoking": "不吸烟", "drinking": "不饮酒"},
        "vitals": {"systolic": 138, "diastolic": 82, "glucose": 5.6},
        "diagnoses": [{"eye": "右眼", "name": "年龄相关性白内障"}, {"name": "高血压病"}],
        "plan": {
            "eye": "右眼",
            "procedure": "白内障超声乳化摘除联合人工晶状体植入术",
            "date": "2025-03-18",
            "anaesthesia": "表面麻醉",
            "drugs": ["左氧氟沙星滴眼液"],
            "measures": ["完善术前检查", "监测血压"],
        },
    }
