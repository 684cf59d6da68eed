"""Contradictions of measure: values that no eye and no patient can have."""

from models.reference.conflict import Conflict, Found, Rule, eyes
from models.reference.facts import AdmissionFacts

PRESSURE = (1, 80)
ACUITY = (0.01, 2.0)
AXIAL_LENGTH = (14, 40)
CURVATURE = (30, 60)
LOCS_TOP = {"cortical": 5.9, "nuclear": 6.9, "posterior": 5.9}

_LABELS = {
    "intraocular_pressure": "眼压",
    "axial_length": "眼轴",
    "k1": "角膜曲率 K1",
    "k2": "角膜曲率 K2",
    "visual_acuity": "视力",
    "corrected_acuity": "矫正视力",
}


def _scales(facts: AdmissionFacts) -> Found:
    for key, side, eye in eyes(facts):
        bounds = (
            ("intraocular_pressure", eye.intraocular_pressure, PRESSURE),
            ("axial_length", eye.axial_length, AXIAL_LENGTH),
            ("k1", eye.k1, CURVATURE),
            ("k2", eye.k2, CURVATURE),
            *(
                (name, _decimal(getattr(eye, name)), ACUITY)
                for name in ("visual_acuity", "corrected_acuity")
            ),
        )
        for name, value, (low, high) in bounds:
            if value is not None and not low <= value <= high:
                yield Conflict(
                    "out-of-scale",
                    (f"{key}.{name}", f"{key}.{name}"),
                    f"{side}{_LABELS[name]}数值 {value} 超出可能范围 {low} 至 {high}。",
                    f"{key}.{name} is {value}, outside what is possible ({low} to {high}).",
                )
        for name, top in LOCS_TOP.items():
            grade = getattr(eye.locs, name) if eye.locs else None
            if grade is not None and grade > top:
                yield Conflict(
                    "out-of-scale",
                    (f"{key}.locs.{name}", f"{key}.locs.{name}"),
                    f"{side}LOCS III 分级 {grade} 超出上限 {top}。",
                    f"{key}.locs.{name} is {grade}, above {top} (LOCS III).",
                )


def _acuity_order(facts: AdmissionFacts) -> Found:
    for key, side, eye in eyes(facts):
        bare, corrected = _decimal(eye.visual_acuity), _decimal(eye.corrected_acuity)
        if bare is not None and corrected is not None and corrected < bare:
            yield Conflict(
                "acuity-order",
                (f"{key}.corrected_acuity", f"{key}.visual_acuity"),
                f"{side}矫正视力低于裸眼视力，请确认。",
                f"The corrected acuity of {key} is below the uncorrected one; please confirm.",
                "flag",
            )


def _blood_pressure(facts: AdmissionFacts) -> Found:
    vitals = facts.vitals
    if (
        vitals
        and vitals.systolic is not None
        and vitals.diastolic is not None
        and vitals.systolic <= vitals.diastolic
    ):
        yield Conflict(
            "blood-pressure",
            ("vitals.systolic", "vitals.diastolic"),
            "收缩压不高于舒张压。",
            "The systolic pressure is not above the diastolic.",
        )


def _decimal(acuity: str | None) -> float | None:
    return float(acuity) if acuity and acuity[0].isdigit() else None


RULES: tuple[Rule, ...] = (
    _scales,
    _acuity_order,
    _blood_pressure,
)
