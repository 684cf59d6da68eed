"""Contradictions of side: complaint, diagnosis, plan and findings name different eyes."""

import re

from models.reference.conflict import Conflict, Found, Rule, eyes, joined, joined_en, sides
from models.reference.facts import AdmissionFacts

_WORDS = {"OD": "右眼", "OS": "左眼", "OU": "双眼"}
_EYE = re.compile(r"右眼|左眼|双眼|\b(?:OD|OS|OU)\b")
_LAST = re.compile(r"[^.]+$")
_OPERATED = re.compile("人工晶状体在位|无晶状体")


def _diagnosed(facts: AdmissionFacts) -> frozenset[str]:
    """The eyes with a cataract among the diagnoses; with any diagnosis where none is named so."""
    sided = [each for each in facts.diagnoses or () if each.eye]
    cataracts = [each for each in sided if "白内障" in (each.name or "")]
    return frozenset(side for each in cataracts or sided for side in sides(each.eye))


def _operated_eye(facts: AdmissionFacts) -> Found:
    planned = sides(facts.plan.eye if facts.plan else None)
    complained = sides(facts.chief_complaint.eye if facts.chief_complaint else None)
    if planned and complained and not planned <= complained:
        yield Conflict(
            "laterality-complaint",
            ("plan.eye", "chief_complaint.eye"),
            f"手术眼别（{joined(planned)}）与主诉眼别（{joined(complained)}）不一致。",
            f"The eye to operate ({joined_en(planned)}) is not the eye of the complaint ({joined_en(complained)}).",
        )
    diagnosed = _diagnosed(facts)
    if planned and diagnosed and not planned <= diagnosed:
        yield Conflict(
            "laterality-diagnosis",
            ("plan.eye", "diagnoses"),
            f"手术眼别（{joined(planned)}）与诊断眼别（{joined(diagnosed)}）不一致。",
            f"The eye to operate ({joined_en(planned)}) is not the eye diagnosed ({joined_en(diagnosed)}).",
        )


def _diagnosed_eye(facts: AdmissionFacts) -> Found:
    complained = sides(facts.chief_complaint.eye if facts.chief_complaint else None)
    diagnosed = _diagnosed(facts)
    if complained and diagnosed and not complained & diagnosed:
        yield Conflict(
            "laterality-complaint-diagnosis",
            ("chief_complaint.eye", "diagnoses"),
            f"主诉眼别（{joined(complained)}）与诊断眼别（{joined(diagnosed)}）不一致。",
            f"The complaint is of {joined_en(complained)} but the diagnosis is of {joined_en(diagnosed)}.",
        )


def _named_eye(facts: AdmissionFacts) -> Found:
    texts = [
        (f"diagnoses.{n}.name", each.name, each.eye)
        for n, each in enumerate(facts.diagnoses or (), 1)
    ]
    if facts.plan:
        texts.append(("plan.procedure", facts.plan.procedure, facts.plan.eye))
    if facts.chief_complaint:
        chief = facts.chief_complaint
        texts.append(("chief_complaint.symptom", chief.symptom, chief.eye))
    for field, text, eye in texts:
        named = frozenset(
            side for word in _EYE.findall(text or "") for side in sides(_WORDS.get(word, word))
        )
        if named and eye and named != sides(eye):
            yield Conflict(
                "laterality-text",
                (field, _LAST.sub("eye", field)),
                f"文字中的眼别（{joined(named)}）与所填眼别（{eye}）不一致。",
                f"The text names {joined_en(named)} but the eye given is {joined_en(sides(eye))}.",
            )


def _operated_lens(facts: AdmissionFacts) -> Found:
    planned = sides(facts.plan.eye if facts.plan else None)
    for key, side, eye in eyes(facts):
        if side in planned and eye.lens and _OPERATED.search(eye.lens):
            yield Conflict(
                "lens-removed",
                ("plan.eye", f"{key}.lens"),
                f"{side}已无自身晶状体（{eye.lens}），却计划手术。",
                f"The lens of {joined_en(sides(side))} is already gone ({eye.lens}), yet it is to be operated on.",
            )


def _both_eyes(facts: AdmissionFacts) -> Found:
    if facts.plan and facts.plan.eye == "双眼":
        yield Conflict(
            "both-eyes-one-day",
            ("plan.eye", "plan.date"),
            "计划同日行双眼手术，请确认。",
            "Both eyes are planned for one day; please confirm.",
            "flag",
        )


RULES: tuple[Rule, ...] = (
    _operated_eye,
    _diagnosed_eye,
    _named_eye,
    _operated_lens,
    _both_eyes,
)
