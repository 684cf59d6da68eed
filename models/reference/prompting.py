"""The prompt that the reference model reads, and the note that it is taught to answer."""

import random

from models.reference.catalogue import language
from models.reference.language import Sheet
from models.reference.notes import Note
from models.reference.placeholders import MaskedFacts

SYSTEM = "根据要素写入院记录。"
SYSTEM_EN = "Write the admission note from the facts."


def prompt(masked: MaskedFacts) -> str:
    """The user message: one line per sentence to write, its values behind their labels."""
    spoken = language(masked.sheet.language)
    gap, comma = ("", "，") if spoken.tongue == "zh" else (" ", ", ")
    lines, shown = [], set[str]()
    for unit in spoken.units_for(masked.sheet):
        keys = [key for key in unit.keys if key not in shown]
        shown.update(keys)
        values = ((spoken.field(key).label, masked.sheet.values.get(key)) for key in keys)
        if pairs := [label + gap + (value or spoken.missing) for label, value in values]:
            lines.append(comma.join(pairs))
    return "\n".join((spoken.department, *lines))


def messages(masked: MaskedFacts) -> list[dict[str, str]]:
    """The chat that asks for the note."""
    spoken = language(masked.sheet.language)
    system = SYSTEM if spoken.tongue == "zh" else SYSTEM_EN
    return [{"role": "system", "content": system}, {"role": "user", "content": prompt(masked)}]


def reference_note(masked: MaskedFacts, rng: random.Random | None = None) -> Note:
    """A right note of a sheet: the canonical wording, or one drawn for each sentence."""
    return note_of(masked.sheet, rng)


def note_of(sheet: Sheet, rng: random.Random | None = None) -> Note:
    """A right note of any sheet, masked or not."""
    spoken = language(sheet.language)
    pick = rng.choice if rng is not None else _first
    return spoken.assemble(
        (unit, pick(spoken.wordings(unit, sheet))) for unit in spoken.units_for(sheet)
    )


def _first(wordings: tuple[str, ...]) -> str:
    return wordings[0]
