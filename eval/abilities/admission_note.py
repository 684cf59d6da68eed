"""Ability S9, the admission note: planted facts in, a note out, every field compared."""

import random
from collections.abc import Iterator

from eval.ability import Ability
from eval.case import Answer, Case, Score
from models.reference.facts import AdmissionFacts
from models.reference.fidelity import score as fidelity
from models.reference.placeholders import mask
from models.reference.prompting import messages
from models.reference.sampling import sample_facts

SIZE = 2400


def cases(seed: int) -> Iterator[Case]:
    """2,400 invented patients that no training run has seen; every fifth one is odd."""
    rng = random.Random(f"S9/{seed}")  # noqa: S311  sampling, not secrets
    for number in range(SIZE):
        difficulty = "odd" if number % 5 == 4 else "ordinary"  # noqa: PLR2004  the fifth
        facts = sample_facts(rng, difficulty, split="unseen")
        masked, _ = mask(facts)
        yield Case(
            id=f"S9-{seed}-{number:04d}",
            ability="S9",
            messages=tuple(messages(masked)),
            key={"facts": facts.to_json(), "difficulty": difficulty},
            fact=f"{seed}/{number}",
            max_tokens=768,
        )


def score_note(case: Case, answer: Answer) -> Score:
    """The bare model's note against its facts: fields exact, sides right, nothing invented."""
    facts = AdmissionFacts.from_json(case.key["facts"])
    found = fidelity(answer.text, facts)
    wrong = [key for key, right in found.fields.items() if not right]
    return Score(
        case=case.id,
        passed=found.all_exact and found.well_formed,
        hits=len(found.fields) - len(wrong),
        parts=len(found.fields),
        marks={
            "laterality": (sum(found.laterality.values()), len(found.laterality)),
            "well_formed": (int(found.well_formed), 1),
            "nothing_invented": (int(not found.invented), 1),
        },
        note=" ".join(wrong[:5]),
    )


ABILITY = Ability(
    id="S9",
    zh="入院记录生成",
    en="admission note",
    key_class="P",
    metric="字段完全一致率 share of fields exact(裸模型,未经规则检查 bare model, before the rule check)",
    cases=cases,
    score=score_note,
)
