"""Ability B8, medical calculation: twelve formulas over sampled patients, in Chinese wording."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eval.abilities import formulas
from eval.ability import Ability
from eval.case import Case
from eval.scorers.number import score_number

REAL = 0.05
"""Relative tolerance for real results, as the tender's practice allows; whole numbers are exact."""

ASK = "只回答最终数值,不要写单位和过程。"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A question with its key."""

    question: str
    value: float
    tolerance: float = REAL


def _sex(rng: random.Random) -> str:
    return rng.choice((formulas.MALE, formulas.FEMALE))


def _body_mass_index(rng: random.Random) -> Sampled:
    weight, height = rng.randint(380, 1150) / 10, rng.randint(145, 192)
    return Sampled(
        f"患者身高 {height} cm,体重 {weight} kg,请计算体重指数(BMI,kg/m²),保留 1 位小数。",
        formulas.body_mass_index(weight, height),
    )


def _body_surface(rng: random.Random) -> Sampled:
    weight, height = rng.randint(12, 110), rng.randint(85, 192)
    return Sampled(
        f"用 Mosteller 公式计算体表面积(m²):身高 {height} cm,体重 {weight} kg,保留 2 位小数。",
        formulas.body_surface(weight, height),
    )


def _mean_arterial_pressure(rng: random.Random) -> Sampled:
    diastolic = rng.randint(45, 110)
    systolic = diastolic + rng.randint(20, 80)
    return Sampled(
        f"血压 {systolic}/{diastolic} mmHg,请计算平均动脉压(mmHg)。",
        formulas.mean_arterial_pressure(systolic, diastolic),
    )


def _creatinine_clearance(rng: random.Random) -> Sampled:
    age, weight, sex = rng.randint(18, 92), rng.randint(40, 105), _sex(rng)
    creatinine = rng.randint(5, 60) / 10
    return Sampled(
        f"用 Cockcroft-Gault 公式计算肌酐清除率(ml/min):{sex},{age} 岁,体重 {weight} kg,"
        f"血肌酐 {creatinine} mg/dl。",
        formulas.creatinine_clearance(age, weight, creatinine, sex),
    )


def _glomerular_filtration(rng: random.Random) -> Sampled:
    age, creatinine, sex = rng.randint(18, 95), rng.randint(4, 70) / 10, _sex(rng)
    return Sampled(
        f"用 CKD-EPI 2021 肌酐公式计算 eGFR(ml/min/1.73m²):{sex},{age} 岁,血肌酐 {creatinine} mg/dl。",
        formulas.glomerular_filtration(age, creatinine, sex),
    )


def _anion_gap(rng: random.Random) -> Sampled:
    sodium, chloride, bicarbonate = rng.randint(118, 158), rng.randint(85, 118), rng.randint(6, 34)
    return Sampled(
        f"血钠 {sodium} mmol/L,血氯 {chloride} mmol/L,碳酸氢根 {bicarbonate} mmol/L,"
        "请计算阴离子间隙(不含钾,mmol/L)。",
        formulas.anion_gap(sodium, chloride, bicarbonate),
        0.0,
    )


def _corrected_calcium(rng: random.Random) -> Sampled:
    calcium, albumin = rng.randint(150, 300) / 100, rng.randint(15, 39)
    return Sampled(
        f"血钙 {calcium} mmol/L,白蛋白 {albumin} g/L,请计算白蛋白校正钙(mmol/L,以 40 g/L 为基准,"
        "每低 1 g/L 加 0.02),保留 2 位小数。",
        formulas.corrected_calcium(calcium, albumin),
    )


def _low_density(rng: random.Random) -> Sampled:
    high, triglycerides = rng.randint(60, 220) / 100, rng.randint(40, 440) / 100
    total = round(high + triglycerides / 2.2 + rng.randint(80, 550) / 100, 2)
    return Sampled(
        f"总胆固醇 {total} mmol/L,高密度脂蛋白胆固醇 {high} mmol/L,甘油三酯 {triglycerides} mmol/L,"
        "用 Friedewald 公式计算低密度脂蛋白胆固醇(mmol/L),保留 2 位小数。",
        formulas.low_density_cholesterol(total, high, triglycerides),
    )


def _drip_rate(rng: random.Random) -> Sampled:
    volume, hours, factor = rng.randint(2, 40) * 50, rng.randint(1, 24), rng.choice((10, 15, 20))
    return Sampled(
        f"需在 {hours} 小时内输入液体 {volume} ml,输液器滴系数为 {factor} 滴/ml,请计算每分钟滴数。",
        formulas.drip_rate(volume, hours, factor),
    )


def _lens_power(rng: random.Random) -> Sampled:
    axial, first = rng.randint(2000, 2800) / 100, rng.randint(4000, 4700) / 100
    second = round(first + rng.randint(0, 250) / 100, 2)
    constant = rng.choice((118.0, 118.4, 118.9, 119.0))
    keratometry = (first + second) / 2
    return Sampled(
        f"用 SRK II 公式计算正视所需人工晶状体度数(D):A 常数 {constant},眼轴 {axial} mm,"
        f"K1 {first} D,K2 {second} D,保留 1 位小数。",
        formulas.lens_power(constant, axial, keratometry),
    )


def _coma_scale(rng: random.Random) -> Sampled:
    eyes, verbal, motor = rng.randint(1, 4), rng.randint(1, 5), rng.randint(1, 6)
    said = (
        ("无睁眼", "疼痛刺激睁眼", "呼唤睁眼", "自动睁眼")[eyes - 1],
        ("无言语反应", "只能发音", "用词不当", "言语错乱", "定向正常")[verbal - 1],
        ("无运动", "过伸反应", "异常屈曲", "疼痛回缩", "疼痛定位", "遵嘱动作")[motor - 1],
    )
    age = rng.randint(18, 90)
    return Sampled(
        f"患者 {age} 岁,查体:{'、'.join(said)}。请给出格拉斯哥昏迷评分(GCS)总分。",
        formulas.coma_scale(eyes, verbal, motor),
        0.0,
    )


def _stroke_risk(rng: random.Random) -> Sampled:
    age, sex = rng.randint(45, 92), _sex(rng)
    pool = ("心力衰竭", "高血压", "糖尿病", "卒中史", "血管疾病")
    conditions = [condition for condition in pool if rng.random() < 0.4]  # noqa: PLR2004  a rate
    history = "、".join(conditions) if conditions else "无特殊病史"
    return Sampled(
        f"非瓣膜性房颤患者,{sex},{age} 岁,既往:{history}。请计算 CHA2DS2-VASc 评分。",
        formulas.stroke_risk(age, sex, *conditions),
        0.0,
    )


CALCULATORS: tuple[tuple[str, Callable[[random.Random], Sampled]], ...] = (
    ("bmi", _body_mass_index),
    ("bsa-mosteller", _body_surface),
    ("map", _mean_arterial_pressure),
    ("crcl-cockcroft-gault", _creatinine_clearance),
    ("egfr-ckd-epi-2021", _glomerular_filtration),
    ("anion-gap", _anion_gap),
    ("corrected-calcium", _corrected_calcium),
    ("ldl-friedewald", _low_density),
    ("drip-rate", _drip_rate),
    ("iol-srk-2", _lens_power),
    ("gcs", _coma_scale),
    ("cha2ds2-vasc", _stroke_risk),
)
PER_CALCULATOR = 200


def cases(seed: int) -> Iterator[Case]:
    """2,400 questions, the calculators taking turns; no question twice."""
    rng = random.Random(f"B8/{seed}")  # noqa: S311  sampling, not secrets
    seen: set[str] = set()
    for turn in range(PER_CALCULATOR):
        for name, sample in CALCULATORS:
            sampled = sample(rng)
            while sampled.question in seen:
                sampled = sample(rng)
            seen.add(sampled.question)
            yield Case(
                id=f"B8-{seed}-{name}-{turn:04d}",
                ability="B8",
                messages=({"role": "user", "content": sampled.question + ASK},),
                key={"value": sampled.value, "tolerance": sampled.tolerance},
                fact=name,
                max_tokens=32,
            )


ABILITY = Ability(
    id="B8",
    zh="医学计算",
    en="medical calculation",
    key_class="P",
    metric="计算正确率 share of right results(整数须相等,实数容差 5 % integers exact, reals within 5 %)",
    cases=cases,
    score=score_number,
)
