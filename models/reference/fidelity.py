"""Fidelity: how far a note says exactly what its facts say, field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.reference.catalogue import language as language_of
from models.reference.cataract.values import sheet_of
from models.reference.facts import AdmissionFacts
from models.reference.language import EYE_WORDS, NoteLanguage, Sheet
from models.reference.placeholders import mask_sheet
from models.reference.reading import FULL_WIDTH, ReadNote, read_note

_EYES = {tongue: re.compile("|".join(words)) for tongue, words in EYE_WORDS.items()}
NAMES = ("patient.name", "informant.name")


@dataclass(frozen=True, slots=True)
class FieldScores:
    """The judgement of one note.

    `fields` says of every key that the facts ask for whether the note states exactly its value
    and no other; `laterality` says of every key with a side whether the side is right; `invented`
    are statements that the facts do not ask for and text that could not be read.
    """

    fields: Mapping[str, bool]
    laterality: Mapping[str, bool]
    well_formed: bool
    invented: tuple[str, ...]

    @property
    def exact_share(self) -> float:
        """The share of fields that are exact; 1 where there are none."""
        return sum(self.fields.values()) / len(self.fields) if self.fields else 1.0

    @property
    def all_exact(self) -> bool:
        """Whether every field is exact and nothing was invented."""
        return all(self.fields.values()) and not self.invented

    @property
    def name_right(self) -> bool:
        """Whether every name is right."""
        return all(self.fields[key] for key in NAMES if key in self.fields)


def score(text: str, facts: AdmissionFacts, tongue: str = "zh") -> FieldScores:
    """How far a note, bare or checked, says what its facts say; placeholders are put back first."""
    return score_against(text, sheet_of(facts, tongue))


def score_against(text: str, sheet: Sheet) -> FieldScores:
    """How far a note says what any sheet says."""
    language = language_of(sheet.language)
    _, restoration = mask_sheet(sheet)
    note = read_note(restoration.restore(text), language)
    stated = note.values
    expected = {key: _as_read(each, language) for key, each in language.expected(sheet).items()}
    fields = {key: stated.get(key) == (value,) for key, value in expected.items()}
    laterality = {
        key: _side(stated.get(key, ()), language.tongue) == _side((value,), language.tongue)
        for key, value in expected.items()
        if _side((value,), language.tongue)
    }
    wanted = {unit.section for unit in language.units_for(sheet)}
    well_formed = note.well_formed and wanted <= set(note.headings)
    return FieldScores(fields, laterality, well_formed, _invented(note, expected))


def _as_read(value: str, language: NoteLanguage) -> str:
    return value.translate(FULL_WIDTH) if language.tongue == "zh" else value


def _side(values: tuple[str, ...], tongue: str) -> frozenset[str]:
    return frozenset(side for value in values for side in _EYES[tongue].findall(value))


def _invented(note: ReadNote, expected: Mapping[str, str]) -> tuple[str, ...]:
    unknown = (
        each.text for each in note.statements if not all(key in expected for key in each.values)
    )
    return (*unknown, *(each.text for each in note.unread))
