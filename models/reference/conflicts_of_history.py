"""Contradictions with the history: allergies, denied diseases, an eye that was operated before."""

import re
from collections.abc import Iterator

from models.reference.conflict import Conflict, Found, Rule, sides
from models.reference.facts import AdmissionFacts

# An allergen of the first pattern forbids a drug of the second: drugs of one class cross-react.
_CLASSES = tuple(
    (re.compile(allergen), re.compile(drug))
    for allergen, drug in (
        ("青霉素|西林", "青霉素|西林"),
        ("头孢", "头孢"),
        ("磺胺", "磺胺"),
        ("喹诺酮|沙星", "沙星"),
        ("氨基糖苷|链霉素|庆大|妥布|新霉素", "链霉素|庆大|妥布|新霉素"),
        ("卡因", "卡因"),
        ("碘", "碘"),
        ("阿托品|托吡卡胺", "阿托品|托吡卡胺"),
    )
)
_FORM = re.compile("类$|药物$|滴眼液$|注射液$|片$|胶囊$")
_NOT_OF = {
    "男": re.compile("子宫|卵巢|宫颈|妊娠|异位妊娠|输卵管|阴道"),
    "女": re.compile("前列腺|睾丸|附睾|精索"),
}
_LENS_SURGERY = re.compile("白内障.*术|人工晶状体植入|晶状体摘除|超声乳化")
_EYE = re.compile("右眼|左眼|双眼")
_DENIED = ("高血压", "糖尿病", "冠心病", "脑梗死", "支气管炎", "哮喘", "肾病")


def _denied_allergy(facts: AdmissionFacts) -> Found:
    if facts.allergies and facts.allergies.status == "无" and facts.allergies.items:
        yield Conflict(
            "allergy-denied",
            ("allergies.status", "allergies.items"),
            "过敏史填写为无，却列出了过敏药物。",
            "Allergies are denied, yet an allergy is listed.",
        )


def _drug_allergy(facts: AdmissionFacts) -> Found:
    allergies = (facts.allergies.items if facts.allergies else None) or ()
    for n, allergy in enumerate(allergies, 1):
        for field, drug in _given(facts):
            if allergy.drug and _same_drug(allergy.drug, drug):
                yield Conflict(
                    "allergy-drug",
                    (field, f"allergies.items.{n}.drug"),
                    f"患者对{allergy.drug}过敏，计划或用药中却有{drug}。",
                    f"The patient is allergic to {allergy.drug}, yet {drug} is among the drugs.",
                )


def _given(facts: AdmissionFacts) -> Iterator[tuple[str, str]]:
    if facts.plan:
        yield from (("plan.drugs", drug) for drug in facts.plan.drugs or ())
        if facts.plan.anaesthesia:
            yield "plan.anaesthesia", facts.plan.anaesthesia
    for n, each in enumerate((facts.history.chronic if facts.history else None) or (), 1):
        yield from ((f"history.chronic.{n}.drugs", drug) for drug in each.drugs or ())


def _same_drug(allergen: str, drug: str) -> bool:
    stem = _FORM.sub("", allergen)
    if stem and (stem in drug or drug in stem):
        return True
    return any(a.search(allergen) and b.search(drug) for a, b in _CLASSES)


def _denied_disease(facts: AdmissionFacts) -> Found:
    if facts.history is None or facts.history.chronic != ():
        return
    for n, each in enumerate(facts.diagnoses or (), 1):
        if any(word in (each.name or "") for word in _DENIED):
            yield Conflict(
                "disease-denied",
                ("history.chronic", f"diagnoses.{n}"),
                f"既往史填写为无慢性病，诊断中却有{each.name}，请确认。",
                f"Chronic disease is denied, yet {each.name} is diagnosed; please confirm.",
                "flag",
            )


def _operated_before(facts: AdmissionFacts) -> Found:
    planned = sides(facts.plan.eye if facts.plan else None)
    cataract = _LENS_SURGERY.search((facts.plan.procedure if facts.plan else None) or "")
    for text in (facts.history.surgery if facts.history else None) or ():
        named = {s for word in _EYE.findall(text) for s in sides(word)}
        if cataract and _LENS_SURGERY.search(text) and planned & named:
            yield Conflict(
                "operated-before",
                ("plan.eye", "history.surgery"),
                f"手术史中已有{text}，却计划同一眼再行白内障手术。",
                f"The history has {text}, yet cataract surgery of the same eye is planned.",
            )


def _sex_of_disease(facts: AdmissionFacts) -> Found:
    sex = facts.patient.sex if facts.patient else None
    forbidden = _NOT_OF.get(sex or "")
    named = [(f"diagnoses.{n}", each.name) for n, each in enumerate(facts.diagnoses or (), 1)]
    if facts.history:
        for n, item in enumerate(facts.history.chronic or (), 1):
            named.append((f"history.chronic.{n}.disease", item.disease))
    for field, name in named:
        if forbidden is not None and forbidden.search(name or ""):
            yield Conflict(
                "sex-disease",
                ("patient.sex", field),
                f"患者性别为{sex}，却填写了{name}。",
                f"The patient's sex is {sex}, yet {name} is given.",
            )


RULES: tuple[Rule, ...] = (
    _denied_allergy,
    _drug_allergy,
    _denied_disease,
    _operated_before,
    _sex_of_disease,
)
