"""Medical formulas with their sources: pure functions of plain numbers."""

import math

MALE, FEMALE = "男", "女"


def body_mass_index(weight: float, height: float) -> float:
    """kg/m² from kg and cm."""
    return weight / (height / 100) ** 2


def body_surface(weight: float, height: float) -> float:
    """m² from kg and cm. R. D. Mosteller, NEJM 317 (1987) 1098."""
    return math.sqrt(weight * height / 3600)


def mean_arterial_pressure(systolic: float, diastolic: float) -> float:
    """mmHg: diastolic plus a third of the pulse pressure."""
    return diastolic + (systolic - diastolic) / 3


def creatinine_clearance(age: float, weight: float, creatinine: float, sex: str) -> float:
    """ml/min from years, kg, mg/dl. D. W. Cockcroft, M. H. Gault, Nephron 16 (1976) 31-41."""
    value = (140 - age) * weight / (72 * creatinine)
    return value * 0.85 if sex == FEMALE else value


def glomerular_filtration(age: float, creatinine: float, sex: str) -> float:
    """ml/min/1.73 m² from years, mg/dl. CKD-EPI 2021, L. A. Inker et al., NEJM 385 (2021) 1737."""
    kappa, alpha = (0.7, -0.241) if sex == FEMALE else (0.9, -0.302)
    ratio = creatinine / kappa
    value = 142.0 * math.pow(min(ratio, 1), alpha) * math.pow(max(ratio, 1), -1.2)
    value *= math.pow(0.9938, age)
    return value * 1.012 if sex == FEMALE else value


def anion_gap(sodium: float, chloride: float, bicarbonate: float) -> float:
    """mmol/l: Na - Cl - HCO3."""
    return sodium - chloride - bicarbonate


def corrected_calcium(calcium: float, albumin: float) -> float:
    """mmol/l from mmol/l and g/l. R. B. Payne et al., BMJ 4 (1973) 643: + 0.02 per g/l below 40."""
    return calcium + 0.02 * (40 - albumin)


def low_density_cholesterol(total: float, high: float, triglycerides: float) -> float:
    """mmol/l. W. T. Friedewald et al., Clin. Chem. 18 (1972) 499; triglycerides below 4.5."""
    return total - high - triglycerides / 2.2


def drip_rate(volume: float, hours: float, factor: float) -> float:
    """Drops per minute from ml, hours and the set's drops per ml."""
    return volume * factor / (hours * 60)


def lens_power(constant: float, axial: float, keratometry: float) -> float:
    """Dioptres, SRK II: J. A. Sanders et al., J. Cataract Refract. Surg. 14 (1988) 136-141.

    P = A1 - 0.9 K - 2.5 L, A1 being the A constant moved by the axial length in mm.
    """
    steps = ((20, 3.0), (21, 2.0), (22, 1.0), (24.5, 0.0))
    shift = next((move for limit, move in steps if axial < limit), -0.5)
    return constant + shift - 0.9 * keratometry - 2.5 * axial


def coma_scale(eyes: int, verbal: int, motor: int) -> int:
    """Glasgow Coma Scale, 3-15. G. Teasdale, B. Jennett, Lancet 304 (1974) 81-84."""
    return eyes + verbal + motor


def stroke_risk(age: int, sex: str, *conditions: str) -> int:
    """CHA2DS2-VASc, 0-9. G. Y. H. Lip et al., Chest 137 (2010) 263-272.

    `conditions` out of 心力衰竭, 高血压, 糖尿病, 卒中史, 血管疾病.
    """
    points = {"心力衰竭": 1, "高血压": 1, "糖尿病": 1, "卒中史": 2, "血管疾病": 1}
    by_age = 2 if age >= 75 else 1 if age >= 65 else 0  # noqa: PLR2004  the score's own limits
    return by_age + (sex == FEMALE) + sum(points[condition] for condition in conditions)
