"""The training corpus: chats in the shape that the specialist uses, endless and seeded."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from models.reference.catalogue import languages
from models.reference.conflicts import contradictions
from models.reference.drills import copy_drill
from models.reference.facts import AdmissionFacts, Vitals
from models.reference.placeholders import MaskedFacts, mask, mask_sheet
from models.reference.prompting import SYSTEM, messages, reference_note
from models.reference.sampling import sample_facts, sample_sheet

ADMISSION = "cataract-zh"
ENGLISH = "cataract-en"
MIX: Mapping[str, float] = {
    "admission": 0.60,
    "odd": 0.12,
    "department": 0.12,
    "english": 0.05,
    "copy": 0.10,
    "refusal": 0.01,
}


@dataclass(frozen=True, slots=True)
class Record:
    """One chat: messages (system, user), the answer to learn, its department and its kind."""

    messages: tuple[dict[str, str], ...]
    answer: str
    department: str
    kind: str


def records(
    seed: int, n: int, mix: Mapping[str, float] | None = None, split: str = "train"
) -> Iterator[Record]:
    """`n` records drawn from a seed; the same arguments give the same records.

    Args:
        seed: any whole number; two seeds give different patients.
        n: how many records.
        mix: shares by kind (admission, odd, department, english, copy, refusal); MIX when left out.
        split: train or unseen. No patient's name of one split occurs in the other.
    """
    shares = dict(MIX if mix is None else mix)
    if unknown := set(shares) - set(_MAKERS):
        raise ValueError(f"unknown kinds in the mix: {sorted(unknown)}")
    kinds, weights = tuple(shares), tuple(shares.values())
    for number in range(n):
        # A seeded corpus, not a secret.
        rng = random.Random(f"wardbox:{split}:{seed}:{number}")  # noqa: S311
        kind = rng.choices(kinds, weights)[0]
        yield _MAKERS[kind](rng, split)


def _admission(rng: random.Random, split: str) -> Record:
    return _of_facts(sample_facts(rng, "ordinary", split), rng, "zh", "admission")


def _odd(rng: random.Random, split: str) -> Record:
    return _of_facts(sample_facts(rng, "odd", split), rng, "zh", "odd")


def _english(rng: random.Random, split: str) -> Record:
    return _of_facts(sample_facts(rng, "ordinary", split), rng, "en", "english")


def _department(rng: random.Random, split: str) -> Record:
    others = [name for name in languages() if name not in {ADMISSION, ENGLISH}]
    sheet = sample_sheet(rng, rng.choice(others or [ADMISSION]), "ordinary", split)
    return _of_masked(mask_sheet(sheet)[0], rng, "department")


def _copy(rng: random.Random, split: str) -> Record:
    asked, answer = copy_drill(rng, split)
    chat = ({"role": "system", "content": SYSTEM}, {"role": "user", "content": asked})
    return Record(chat, answer, "", "copy")


def _refusal(rng: random.Random, split: str) -> Record:
    facts = _contradicted(rng, sample_facts(rng, "ordinary", split))
    conflict = next(each for each in contradictions(facts) if each.severity == "refuse")
    masked, _ = mask(facts)
    answer = f"要素互相矛盾，不能书写：{conflict.zh}"
    return Record(tuple(messages(masked)), answer, "眼科", "refusal")


def _contradicted(rng: random.Random, facts: AdmissionFacts) -> AdmissionFacts:
    """The same facts with the other eye planned, or with a blood pressure upside down."""
    chief, plan, vitals = facts.chief_complaint, facts.plan, facts.vitals
    if chief and plan and chief.eye != "双眼" and rng.randrange(3):
        other = "左眼" if plan.eye == "右眼" else "右眼"
        return dataclasses.replace(facts, plan=dataclasses.replace(plan, eye=other))
    high = (vitals.systolic if vitals else None) or 120
    turned = dataclasses.replace(
        vitals or Vitals(), systolic=high, diastolic=high + rng.randint(1, 30)
    )
    return dataclasses.replace(facts, vitals=turned)


def _of_facts(facts: AdmissionFacts, rng: random.Random, tongue: str, kind: str) -> Record:
    return _of_masked(mask(facts, tongue)[0], rng, kind)


def _of_masked(masked: MaskedFacts, rng: random.Random, kind: str) -> Record:
    department = languages()[masked.sheet.language].department
    note = reference_note(masked, rng)
    return Record(tuple(messages(masked)), note.text, department, kind)


_MAKERS: Mapping[str, Callable[[random.Random, str], Record]] = {
    "admission": _admission,
    "odd": _odd,
    "department": _department,
    "english": _english,
    "copy": _copy,
    "refusal": _refusal,
}
