"""A checked draft: sections of sentences with their sources, what was repaired and what to look at."""

from dataclasses import dataclass
from typing import Final

from models.reference.checking import CheckedNote
from models.reference.checking import Repair as CheckRepair
from models.reference.conflicts import Conflict

# Above this share of repaired sentences the reader is told that little of the draft is the model's.
MOSTLY_REPAIRED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and the keys of the facts it states."""

    text: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the note."""

    title: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """What the check put right: the model's words before, the right ones after."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Flag:
    """What a person must look at; the sentence is Chinese, then English."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that may leave the box.

    Attributes:
        sections: The note.
        text: What the sections say, joined.
        repairs: Sentences that were put right.
        flags: What a person must look at.
        receipt: Leads to the audit leaf.
        model: The model that wrote it.
        seconds: Wall time from facts to checked note.
    """

    sections: tuple[Section, ...]
    text: str
    repairs: tuple[Repair, ...]
    flags: tuple[Flag, ...]
    receipt: str
    model: str
    seconds: float


def sections_of(checked: CheckedNote) -> tuple[Section, ...]:
    """Return the sections of a checked note."""
    return tuple(
        Section(
            section.heading,
            tuple(Sentence(each.text, each.sources) for each in section.sentences),
        )
        for section in checked.note.sections
    )


def repairs_of(checked: CheckedNote) -> tuple[Repair, ...]:
    """Return what was put right."""
    return tuple(_repair(repair) for repair in checked.repairs)


def flags_of(checked: CheckedNote, conflicts: tuple[Conflict, ...]) -> tuple[Flag, ...]:
    """Return what a person must look at: odd facts, words left out, a draft mostly replaced."""
    flags = [
        Flag(", ".join(conflict.fields), f"{conflict.zh} {conflict.en}") for conflict in conflicts
    ]
    if len(checked.repairs) > MOSTLY_REPAIRED * max(1, len(checked.sentences)):
        flags.append(
            Flag(
                "note",
                "模型草稿的大部分句子已按要素替换,请通读。"
                " Most sentences of the draft were replaced from the facts; read it through.",
            )
        )
    flags.extend(
        Flag(flag.text or flag.code, f"{flag.zh} {flag.en}".strip()) for flag in checked.flags
    )
    return tuple(flags)


def _repair(repair: CheckRepair) -> Repair:
    return Repair(", ".join(repair.keys) or repair.unit, repair.was, repair.now)
