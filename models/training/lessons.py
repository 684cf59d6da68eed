"""What the reference model is taught: invented notes in one style each, and notes that force copying."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from typing_extensions import override

from models.reference.catalogue import departments, language
from models.reference.corpus import records
from models.reference.language import Sheet
from models.reference.placeholders import MaskedFacts, mask_sheet
from models.reference.prompting import messages, reference_note
from models.reference.sampling import sample_sheet
from models.training.corpus import Example, chat

# Contradictions are refused before the model is asked, so it learns notes and copying alone.
MIX: Mapping[str, float] = {
    "admission": 0.50,
    "odd": 0.12,
    "scrambled": 0.20,
    "department": 0.09,
    "english": 0.04,
    "copy": 0.05,
}
# The first lessons are short: finding the line to copy is easier among five than among forty.
BEGINNING: Mapping[str, float] = {"partial": 0.8, "copy": 0.2}
BEGINNING_SHARE = 0.5
# Shares of the canonical style and of the two others.
_STYLES = (0.8, 0.1, 0.1)
_CHINESE, _ENGLISH = "cataract-zh", "cataract-en"
_Item = TypeVar("_Item")


class _Style(random.Random):
    """Always takes the same wording of a sentence.

    With a wording drawn for each sentence, a small model spends itself on guessing the draws. With
    one style for a whole note the first words decide, and all that follows can be learned.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._number = number

    @override
    def choice(self, seq: Sequence[_Item]) -> _Item:  # type: ignore[override]
        return seq[self._number % len(seq)]


def lessons(seed: int, count: int) -> Iterator[Example]:
    """Yield `count` lessons drawn from a seed, short ones first; the same seed, the same lessons."""
    for number in range(count):
        mix = BEGINNING if number < count * BEGINNING_SHARE else MIX
        kinds, weights = tuple(mix), tuple(mix.values())
        chance = random.Random(f"wardbox:lesson:{seed}:{number}")  # noqa: S311 - no secret
        kind = chance.choices(kinds, weights)[0]
        if kind == "copy":
            yield _drill(chance)
        else:
            yield _note(_SHEETS[kind](chance), chance)


def _drill(chance: random.Random) -> Example:
    record = next(records(chance.randrange(2**31), 1, {"copy": 1.0}))
    return chat(record.messages, record.answer)


def _note(sheet: Sheet, chance: random.Random) -> Example:
    style = _Style(chance.choices(range(len(_STYLES)), _STYLES)[0])
    masked = MaskedFacts(sheet)
    return chat(messages(masked), reference_note(masked, style).text)


def _cataract(difficulty: str, name: str = _CHINESE) -> Callable[[random.Random], Sheet]:
    def draw(chance: random.Random) -> Sheet:
        return mask_sheet(sample_sheet(chance, name, difficulty))[0].sheet

    return draw


def _department(chance: random.Random) -> Sheet:
    name = chance.choice(sorted(departments()))
    return mask_sheet(sample_sheet(chance, name))[0].sheet


def _scrambled(chance: random.Random) -> Sheet:
    """A sheet whose values have changed places: nothing but its line tells what to write.

    Where values keep to their kind a model guesses the frequent ones (a sex, an anaesthesia) and
    learns late to look them up.
    """
    draw = chance.choice(
        (_cataract("ordinary"), _cataract("ordinary"), _cataract("odd"), _department)
    )
    sheet = draw(chance)
    spoken = language(sheet.language)
    units = list(spoken.units_for(sheet))
    stated = {key for unit in units for key, _ in unit.when}
    free = [
        key for unit in units for key in unit.slots if key in sheet.values and key not in stated
    ]
    values = [sheet.values[key] for key in free]
    chance.shuffle(values)
    return dataclasses.replace(
        sheet, values={**sheet.values, **dict(zip(free, values, strict=True))}
    )


def _partial(chance: random.Random) -> Sheet:
    """A scrambled sheet of which only a few lines are left."""
    sheet = _scrambled(chance)
    units = list(language(sheet.language).units_for(sheet))
    kept = {
        key
        for unit in chance.sample(units, min(len(units), chance.randint(2, 8)))
        for key in unit.keys
    }
    return dataclasses.replace(sheet, values={k: v for k, v in sheet.values.items() if k in kept})


_SHEETS: Mapping[str, Callable[[random.Random], Sheet]] = {
    "admission": _cataract("ordinary"),
    "odd": _cataract("odd"),
    "english": _cataract("ordinary", _ENGLISH),
    "department": _department,
    "scrambled": _scrambled,
    "partial": _partial,
}
