"""Contradictions between facts: every rule asked, and a note refused where two facts disagree."""

from models.errors import FactsContradictory
from models.reference import (
    conflicts_of_history,
    conflicts_of_measure,
    conflicts_of_patient,
    conflicts_of_sides,
)
from models.reference.conflict import Conflict
from models.reference.facts import AdmissionFacts

__all__ = ["Conflict", "contradictions", "refuse_contradictions"]

_RULES = (
    *conflicts_of_sides.RULES,
    *conflicts_of_patient.RULES,
    *conflicts_of_history.RULES,
    *conflicts_of_measure.RULES,
)


def contradictions(facts: AdmissionFacts) -> tuple[Conflict, ...]:
    """Every contradiction in the facts, in a stable order; empty when they agree."""
    return tuple(conflict for rule in _RULES for conflict in rule(facts))


def refuse_contradictions(facts: AdmissionFacts) -> tuple[Conflict, ...]:
    """The flags among the contradictions.

    Raises:
        FactsContradictory: some contradiction forbids a note; its `facts` hold the conflicts.
    """
    found = contradictions(facts)
    refused = [each for each in found if each.severity == "refuse"]
    if refused:
        raise FactsContradictory(
            conflicts_zh="".join(each.zh for each in refused),
            conflicts_en=" ".join(each.en for each in refused),
            conflicts=tuple(refused),
            fields=tuple(dict.fromkeys(field for each in refused for field in each.fields)),
        )
    return found
