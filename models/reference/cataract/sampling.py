"""Invented cataract patients: whole, consistent facts, drawn by chance from a seed."""

import datetime as dt
import random
from typing import Any

from models.reference.chance import chance, some
from models.reference.conflicts import contradictions
from models.reference.factfields import plain
from models.reference.facts import AdmissionFacts
from models.reference.people import sample_patient, split_name

SYMPTOMS = ("视物模糊", "视力下降", "渐进性视力下降", "视物不清", "视物发暗", "视物重影")
COURSES = ("逐渐加重", "缓慢加重", "近期加重", "无明显变化")
ASSOCIATED = ("畏光", "眩光", "眼干", "流泪", "眼前黑影")
AFFECTS = ("阅读", "看电视", "夜间行走", "做家务", "驾驶")
CORNEA = ("透明", "透明", "透明", "老年环", "轻度水肿")
CHAMBER = ("深度正常", "深度正常", "偏浅", "中等深度")
PUPIL = ("圆、对光反射灵敏", "圆、对光反射灵敏", "圆、对光反射迟钝", "药物性散大")
LENS = ("混浊", "皮质混浊", "核性混浊", "后囊下混浊")
OTHER_LENS = ("轻度混浊", "混浊", "透明", "人工晶状体在位")
FUNDUS = ("窥不清", "隐约可见", "未见明显异常", "豹纹状改变", "黄斑中心凹反光未见")
DIAGNOSES = ("年龄相关性白内障", "核性白内障", "后囊下白内障", "成熟期白内障", "并发性白内障")
CHRONIC = {
    "高血压病": ("氨氯地平", "缬沙坦", "美托洛尔"),
    "2型糖尿病": ("二甲双胍", "格列美脲", "胰岛素", "阿卡波糖"),
    "冠心病": ("阿司匹林", "阿托伐他汀", "美托洛尔"),
    "脑梗死": ("阿司匹林", "阿托伐他汀"),
    "慢性支气管炎": (),
}
ALLERGENS = ("青霉素", "头孢菌素", "磺胺类", "链霉素")
REACTIONS = ("皮疹", "呼吸困难", "皮肤瘙痒", "过敏性休克", "恶心")
SMOKING = ("不吸烟", "不吸烟", "已戒烟", "偶有吸烟")
DRINKING = ("不饮酒", "不饮酒", "偶有饮酒", "已戒酒")
SURGERIES = ("阑尾切除术", "胆囊切除术")
TRAUMAS = ("左前臂骨折", "右足外伤", "头部外伤")
PROCEDURES = ("白内障超声乳化摘除联合人工晶状体植入术",) * 3 + (
    "白内障囊外摘除联合人工晶状体植入术",
)
ANAESTHESIA = ("表面麻醉", "表面麻醉", "球周麻醉", "全身麻醉")
LENS_MODELS = ("单焦点", "多焦点", "散光矫正型")
EYE_DRUGS = ("左氧氟沙星滴眼液", "普拉洛芬滴眼液", "复方托吡卡胺滴眼液")
MEASURES = ("完善术前检查", "监测血压", "监测血糖", "术前冲洗泪道", "术前宣教")
GRADES = ("I级", "II级", "III级", "IV级", "V级")
LOW_ACUITY = ("数指/30cm", "数指/50cm", "手动/20cm", "手动", "光感")
ACUITY = ("0.02", "0.04", "0.05", "0.08", "0.1", "0.12", "0.15", "0.2", "0.25", "0.3", "0.4")
GOOD_ACUITY = ("0.4", "0.5", "0.6", "0.8", "1.0")

Json = dict[str, Any]


def sample_facts(
    rng: random.Random, difficulty: str = "ordinary", split: str = "train"
) -> AdmissionFacts:
    """Consistent facts of one invented patient.

    Args:
        rng: where the chance comes from.
        difficulty: ordinary, or odd: rare names, odd values and missing facts.
        split: train or unseen; the two share no patient's name.
    """
    while True:
        facts = _drawn(rng, difficulty, split)
        if all(each.severity != "refuse" for each in contradictions(facts)):
            return facts


def _drawn(rng: random.Random, difficulty: str, split: str) -> AdmissionFacts:
    day = dt.date(2023, 1, 1) + dt.timedelta(days=rng.randrange(1200))
    pool = "usual" if difficulty == "ordinary" else "rare"
    ages = (50, 90) if difficulty == "ordinary" else (0, 104)
    patient = sample_patient(rng, pool, ages=ages, day=day, split=split)
    side = rng.choice(("右眼", "左眼"))
    # Both eyes may trouble a patient; only one is operated on at a time.
    troubled = "双眼" if chance(rng, 0.12) else side
    found: Json = {
        "patient": plain(patient),
        "department": "眼科",
        "admission_date": day.isoformat(),
    }
    if chance(rng, 0.15):
        found["informant"] = {
            "name": split_name(rng, pool, rng.choice("男女"), split),
            "relation": rng.choice(("儿子", "女儿", "配偶")),
        }
    found["chief_complaint"] = _complaint(rng, troubled)
    found |= sample_history(rng, patient.age or 0) | sample_habits(rng, adult=True)
    for key, eye in (("right_eye", "右眼"), ("left_eye", "左眼")):
        found[key] = _eye(rng, operated=eye == side, clouded=troubled in {eye, "双眼"})
    found["vitals"] = _vitals(rng)
    found["diagnoses"] = _diagnoses(rng, troubled, found["history"])
    found["plan"] = _plan(rng, side, day)
    if difficulty == "odd":
        _make_odd(rng, found)
    return AdmissionFacts.from_json(found)


def _complaint(rng: random.Random, side: str) -> Json:
    unit, most = rng.choice((("年", 12), ("年", 5), ("个月", 11), ("周", 8)))
    found: Json = {
        "eye": side,
        "symptom": rng.choice(SYMPTOMS),
        "duration": {"value": rng.randint(1, most), "unit": unit},
        "course": rng.choice(COURSES),
    }
    if chance(rng, 0.7):
        found["associated"] = some(rng, ASSOCIATED, 2)
    if chance(rng, 0.5):
        found["affects"] = some(rng, AFFECTS, 2, 1)
    return found


def sample_history(rng: random.Random, age: int) -> Json:
    """History and allergies as JSON; no disease is older than the patient."""
    chronic = []
    for disease in some(rng, tuple(CHRONIC), 2 if age else 0):
        drugs = some(rng, CHRONIC[disease], 2)
        years = rng.randint(1, max(1, min(30, age)))
        chronic.append({"disease": disease, "years": years, "drugs": drugs})
    history = {
        "chronic": chronic,
        "surgery": [rng.choice(SURGERIES)] if chance(rng, 0.2) else [],
        "trauma": [rng.choice(TRAUMAS)] if chance(rng, 0.1) else [],
    }
    return {"history": history, "allergies": _allergies(rng)}


def sample_habits(rng: random.Random, *, adult: bool) -> Json:
    """Habits as JSON; a child has none."""
    habits = {"smoking": rng.choice(SMOKING), "drinking": rng.choice(DRINKING)}
    return {"personal": habits} if adult else {}


def _allergies(rng: random.Random) -> Json:
    if chance(rng, 0.65):
        return {"status": "无", "items": []}
    drugs = some(rng, ALLERGENS, 2, 1)
    return {
        "status": "有",
        "items": [{"drug": drug, "reaction": rng.choice(REACTIONS)} for drug in drugs],
    }


def _eye(rng: random.Random, *, operated: bool, clouded: bool) -> Json:
    pools = (ACUITY, LOW_ACUITY) if operated else (GOOD_ACUITY, ACUITY)
    found: Json = {
        "visual_acuity": rng.choice(pools[chance(rng, 0.25)]),
        "intraocular_pressure": rng.randint(9, 21),
        "cornea": rng.choice(CORNEA),
        "anterior_chamber": rng.choice(CHAMBER),
        "pupil": rng.choice(PUPIL),
        "lens": rng.choice(LENS if clouded else OTHER_LENS),
        "fundus": rng.choice(FUNDUS if operated else FUNDUS[2:]),
    }
    if found["visual_acuity"][0].isdigit():
        better = [each for each in GOOD_ACUITY if float(each) >= float(found["visual_acuity"])]
        found["corrected_acuity"] = rng.choice(better)
    if found["lens"] not in {"透明", "人工晶状体在位"}:
        found.update(_grading(rng))
    if operated:
        k1 = rng.randint(4100, 4500) / 100
        found |= {
            "axial_length": rng.randint(2150, 2650) / 100,
            "k1": k1,
            "k2": round(k1 + rng.randint(10, 180) / 100, 2),
            "iol_power": rng.randint(30, 50) / 2,
        }
    return found


def _grading(rng: random.Random) -> Json:
    if chance(rng, 0.6):
        scale = {key: rng.randint(1, 5) for key in ("cortical", "nuclear", "posterior")}
        return {"locs": scale}
    return {"emery": rng.choice(GRADES)}


def _vitals(rng: random.Random) -> Json:
    found: Json = {"systolic": rng.randint(105, 158), "diastolic": rng.randint(60, 92)}
    if chance(rng, 0.6):
        found["glucose"] = rng.randint(42, 98) / 10
    if chance(rng, 0.3):
        found["pulse"] = rng.randint(58, 96)
    return found


def _diagnoses(rng: random.Random, side: str, history: Json) -> list[Json]:
    found = [{"eye": side, "name": rng.choice(DIAGNOSES)}]
    if chance(rng, 0.2):
        found.append({"eye": "双眼", "name": rng.choice(("屈光不正", "高度近视"))})
    return [*found, *({"name": each["disease"]} for each in history["chronic"])]


def _plan(rng: random.Random, side: str, day: dt.date) -> Json:
    found: Json = {
        "eye": side,
        "procedure": rng.choice(PROCEDURES),
        "date": (day + dt.timedelta(days=rng.randint(0, 5))).isoformat(),
        "anaesthesia": rng.choice(ANAESTHESIA),
        "measures": some(rng, MEASURES, 2, 1),
    }
    if chance(rng, 0.3):
        found["lens_model"] = rng.choice(LENS_MODELS)
    if chance(rng, 0.6):
        found["drugs"] = some(rng, EYE_DRUGS, 2, 1)
    return found


_ODD_TEXTS = (
    (
        ("chief_complaint", "symptom"),
        ("视物变形伴色觉异常", "眼前固定黑影遮挡", "虹视", "单眼复视"),
    ),
    (("right_eye", "cornea"), ("云翳", "角膜后沉着物阳性", "鼻侧翼状胬肉")),
    (("left_eye", "pupil"), ("虹膜后粘连、瞳孔不圆", "直径6mm、对光反射消失")),
    (("left_eye", "fundus"), ("视盘色淡、杯盘比0.8", "散在微血管瘤", "C3F8填充眼")),
    (("right_eye", "lens"), ("全白混浊", "囊膜皱缩", "向鼻下方半脱位")),
    (("plan", "anaesthesia"), ("球后麻醉", "表面麻醉联合前房内麻醉")),
)
_ODD_NUMBERS: tuple[tuple[tuple[str, str], tuple[float, ...]], ...] = (
    (("right_eye", "intraocular_pressure"), (5, 28.5, 46, 58)),
    (("left_eye", "intraocular_pressure"), (6.3, 31, 44.7)),
    (("right_eye", "axial_length"), (19.87, 28.94, 33.05)),
    (("left_eye", "axial_length"), (20.02, 31.4)),
    (("vitals", "glucose"), (2.9, 16.8, 23.1)),
    (("vitals", "systolic"), (186, 201)),
)
_REQUIRED = {"patient"}


def _make_odd(rng: random.Random, found: Json) -> None:
    """Odd values for a few fields, then a few facts taken away."""
    drawn: list[tuple[tuple[str, str], Any]] = [
        (path, rng.choice(pool)) for path, pool in (*_ODD_TEXTS, *_ODD_NUMBERS)
    ]
    for (group, key), value in rng.sample(drawn, 3):
        found[group][key] = value
    for _ in range(rng.randint(0, 6)):
        group = rng.choice([key for key in found if key not in _REQUIRED])
        if isinstance(found[group], dict) and found[group] and chance(rng, 0.8):
            found[group].pop(rng.choice(sorted(found[group])))
        else:
            found.pop(group)
    for key in ("sex", "age", "admission_no", "bed"):
        if chance(rng, 0.08):
            found["patient"].pop(key, None)
