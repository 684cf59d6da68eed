"""The register of abilities: what this box can examine."""

from collections.abc import Mapping
from importlib import import_module

from eval.ability import Ability
from eval.errors import AbilityUnknown

MODULES: Mapping[str, str] = {
    "B8": "eval.abilities.calculation",
    "B12": "eval.abilities.formats",
    "S9": "eval.abilities.admission_note",
}
"""Ability id -> the module that holds its `ABILITY`; loaded when asked for."""


def ability(ability_id: str) -> Ability:
    """One ability.

    Raises:
        AbilityUnknown: with the ids that exist.
    """
    if ability_id not in MODULES:
        raise AbilityUnknown(ability=ability_id, known=", ".join(MODULES))
    found = import_module(MODULES[ability_id]).ABILITY
    assert isinstance(found, Ability)  # noqa: S101  a broken register is a programming error
    return found


def abilities() -> tuple[Ability, ...]:
    """All of them, in the register's order."""
    return tuple(ability(ability_id) for ability_id in MODULES)
