"""Note language: units of a note as templates with slots, and the sheet of values that fills them."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.reference.notes import Note, NoteSection, NoteSentence

SLOT = re.compile(r"\{([a-z0-9_.]+)\}")
EYE_WORDS = {"zh": ("右眼", "左眼", "双眼"), "en": ("right eye", "left eye", "both eyes")}
MISSING = {"zh": "未提供", "en": "not provided"}


@dataclass(frozen=True, slots=True)
class Field:
    """A value of the sheet: its key, the label before it in the prompt, and how it reads."""

    key: str
    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Unit:
    """One sentence of a note in several wordings, each holding the same slots.

    `when` holds values that the wording itself states: the unit stands only where the sheet has
    them. `needs` and `without` are keys that the sheet must or must not have. A unit with no
    value at all is left out; single missing values read 未提供.
    """

    name: str
    section: str
    templates: tuple[str, ...]
    when: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[str, ...]:
        """The keys that stand in the wording, in the order of the first template."""
        return tuple(dict.fromkeys(SLOT.findall(self.templates[0])))

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that the sentence states."""
        return (*self.slots, *(key for key, _ in self.when))


@dataclass(frozen=True, slots=True)
class Sheet:
    """Values by key, written as a note writes them; which language reads them is said by name."""

    language: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class NoteLanguage:
    """Everything a note of one department may say: sections, fields and units, in order."""

    name: str
    tongue: str
    department: str
    sections: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...]
    units: tuple[Unit, ...]

    @property
    def missing(self) -> str:
        """The word for a missing value."""
        return MISSING[self.tongue]

    @property
    def headings(self) -> dict[str, str]:
        """Headings by section key."""
        return dict(self.sections)

    def field(self, key: str) -> Field:
        """The field of a key; a bare one where the language has no label for it."""
        return next((each for each in self.fields if each.key == key), Field(key, key))

    def units_for(self, sheet: Sheet) -> Iterator[Unit]:
        """The units that a note of this sheet has, in the order of the sections."""
        order = {key: place for place, (key, _) in enumerate(self.sections)}
        for unit in sorted(self.units, key=lambda each: order[each.section]):
            if self._stands(unit, sheet.values):
                yield unit

    def expected(self, sheet: Sheet) -> dict[str, str]:
        """The value of every key that the note of this sheet has to state."""
        found: dict[str, str] = {}
        for unit in self.units_for(sheet):
            found.update({key: sheet.values.get(key, self.missing) for key in unit.keys})
        return found

    def wordings(self, unit: Unit, sheet: Sheet) -> tuple[str, ...]:
        """Every right sentence for a unit; the first is the canonical one.

        With a value missing only the canonical wording is used: it is written to bear the gap.
        """
        whole = all(key in sheet.values for key in unit.slots)
        templates = unit.templates if whole else unit.templates[:1]
        return tuple(self.fill(template, sheet) for template in templates)

    def fill(self, template: str, sheet: Sheet) -> str:
        """A template with the values of a sheet."""
        return SLOT.sub(lambda found: sheet.values.get(found[1], self.missing), template)

    def assemble(self, sentences: Iterator[tuple[Unit, str]]) -> Note:
        """A note from sentences in the order of their sections."""
        by_section: dict[str, list[NoteSentence]] = {}
        for unit, text in sentences:
            found = NoteSentence(text=text, sources=unit.keys, unit=unit.name)
            by_section.setdefault(unit.section, []).append(found)
        sections = tuple(
            NoteSection(key, heading, tuple(by_section[key]))
            for key, heading in self.sections
            if key in by_section
        )
        return Note(self.tongue, sections)

    @staticmethod
    def _stands(unit: Unit, values: Mapping[str, str]) -> bool:
        if any(values.get(key) != value for key, value in unit.when):
            return False
        if any(key not in values for key in unit.needs):
            return False
        if any(key in values for key in unit.without):
            return False
        return bool(unit.when) or any(key in values for key in unit.slots)


_KINDS = {
    "zh": {
        "eye": "右眼|左眼|双眼|(?:眼别)?未提供",
        "span": r"[0-9.]+(?:天|周|个月|年)|(?:时间)?未提供",
        "text": r"[^,;，；。]{1,60}?",
    },
    "en": {
        "eye": "right eye|left eye|both eyes|(?:eye )?not provided",
        "span": r"[0-9.]+ (?:day|week|month|year)s?|not provided",
        "text": r"[^,;，；。]{1,80}?",
    },
}


@functools.lru_cache(maxsize=64)
def families(language: NoteLanguage) -> dict[str, tuple[Unit, ...]]:
    """Units by name with all that are worded alike (first disease, second disease), in order.

    Nothing in such a sentence tells which of them it is: its place in the note does.
    """
    alike: dict[tuple[str, ...], list[Unit]] = {}
    for unit in language.units:
        alike.setdefault(tuple(SLOT.sub("{}", each) for each in unit.templates), []).append(unit)
    return {unit.name: tuple(family) for family in alike.values() for unit in family}


@functools.lru_cache(maxsize=64)
def patterns(language: NoteLanguage) -> tuple[tuple[Unit, re.Pattern[str], int], ...]:
    """Every wording as a regular expression, the most literal first; one unit of each family.

    The groups are named s0, s1, ... in the order of `Unit.slots`. Values never hold a comma, so
    that matching stays linear in the length of the sentence for each comma-free stretch.
    """
    found = []
    heads = [unit for unit in language.units if families(language)[unit.name][0] is unit]
    for unit in heads:
        for template in unit.templates:
            literal = len(SLOT.sub("", template))
            found.append((unit, re.compile(_pattern(template, unit, language)), literal))
    return tuple(sorted(found, key=lambda each: -each[2]))


def _pattern(template: str, unit: Unit, language: NoteLanguage) -> str:
    kinds = _KINDS[language.tongue]
    names = {key: f"s{place}" for place, key in enumerate(unit.slots)}
    seen: set[str] = set()
    parts = []
    for place, piece in enumerate(SLOT.split(template)):
        if place % 2 == 0:
            parts.append(re.escape(piece))
        elif piece in seen:
            parts.append(f"(?P={names[piece]})")
        else:
            seen.add(piece)
            kind = language.field(piece).kind
            parts.append(f"(?P<{names[piece]}>{kinds.get(kind, kinds['text'])})")
    return "".join(parts)
