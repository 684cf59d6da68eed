"""The rule check: every sentence of a drafted note is held against the facts, or replaced.

What leaves is put together from right sentences only: for each unit that the facts ask for, the
first sentence of the draft that equals one of the unit's right wordings, else the canonical one.
Nothing else of the draft is kept, so no wrong value can pass; what was replaced is a repair, and
what was dropped is a flag that shows the dropped words.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from models.reference.catalogue import language as language_of
from models.reference.cataract.values import sheet_of
from models.reference.facts import AdmissionFacts
from models.reference.language import NoteLanguage, Sheet, Unit, families
from models.reference.notes import Note, NoteSentence
from models.reference.placeholders import mask_sheet
from models.reference.reading import LONGEST_NOTE, Piece, fold, pieces, renamed, understand

MOST_FLAGS = 50


@dataclass(frozen=True, slots=True)
class Repair:
    """A sentence that was put right: `kind` is wrong or missing."""

    kind: str
    unit: str
    keys: tuple[str, ...]
    was: str
    now: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Flag:
    """Something of the draft that was left out: `code` is unsupported, repeated or placeholder."""

    code: str
    text: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CheckedNote:
    """A note that agrees with its facts, with what was repaired and what was left out."""

    note: Note
    repairs: tuple[Repair, ...]
    flags: tuple[Flag, ...]

    @property
    def text(self) -> str:
        """The text that may leave."""
        return self.note.text

    @property
    def sentences(self) -> tuple[NoteSentence, ...]:
        """Its sentences, each with the keys of its facts."""
        return self.note.sentences


def check_note(text: str, facts: AdmissionFacts, tongue: str = "zh") -> CheckedNote:
    """A drafted note held against its facts; `text` may still hold placeholders."""
    return check_against(text, sheet_of(facts, tongue))


def check_against(text: str, sheet: Sheet) -> CheckedNote:
    """A drafted note held against any sheet."""
    language = language_of(sheet.language)
    _, restoration = mask_sheet(sheet)
    report = restoration.report(text)
    draft = restoration.restore(text)[:LONGEST_NOTE]
    _, parts = pieces(draft, language)
    judged = _Judged(language, sheet, parts)
    note = language.assemble(iter(judged.kept))
    flags = list(judged.flags())
    if report.unknown or report.mangled:
        flags.insert(0, _placeholder_flag(report.unknown))
    if len(restoration.restore(text)) > LONGEST_NOTE:
        flags.insert(
            0,
            Flag(
                "unsupported",
                "",
                "草稿过长，其余部分未采用。",
                "The draft is too long; the rest was not used.",
            ),
        )
    return CheckedNote(note, tuple(judged.repairs), tuple(flags[:MOST_FLAGS]))


class _Judged:
    """The judgement of a draft's sentences: what is kept, repaired and left over."""

    def __init__(self, language: NoteLanguage, sheet: Sheet, parts: tuple[Piece, ...]) -> None:
        self._language, self._sheet = language, sheet
        self._free: dict[int, Piece] = dict(enumerate(parts))
        self._folded: dict[str, list[int]] = {}
        for place, piece in self._free.items():
            self._folded.setdefault(fold(piece.text, language.tongue), []).append(place)
        self._repeated: set[int] = set()
        units = list(language.units_for(sheet))
        right = {unit.name: self._match(unit) for unit in units}
        self._meant = self._understood()
        self.repairs: list[Repair] = []
        self.kept: list[tuple[Unit, str]] = []
        for unit in units:
            sentence = right[unit.name]
            if sentence is None:
                sentence = language.wordings(unit, sheet)[0]
                self.repairs.append(self._repair(unit, sentence))
            self.kept.append((unit, sentence))

    def _match(self, unit: Unit) -> str | None:
        """The first right sentence for a unit in the draft; it is taken out of what is left."""
        found = None
        for wording in self._language.wordings(unit, self._sheet):
            for place in self._folded.get(fold(wording, self._language.tongue), ()):
                if found is None:
                    del self._free[place]
                    found = wording
                elif place in self._free:
                    self._repeated.add(place)
        return found

    def _understood(self) -> dict[int, tuple[Unit, dict[str, str]]]:
        known = (
            (place, understand(piece.text, piece.section, self._language))
            for place, piece in self._free.items()
            if place not in self._repeated
        )
        return {place: found for place, found in known if found is not None}

    def _repair(self, unit: Unit, sentence: str) -> Repair:
        head = families(self._language)[unit.name][0]
        for place, (meant, said) in self._meant.items():
            if meant is head and place in self._free:
                values = renamed(head, unit, said)
                was = self._free.pop(place).text
                keys = tuple(k for k in unit.keys if values.get(k) != self._value(k)) or unit.keys
                return _wrong(unit, keys, was, sentence)
        return _missing(unit, sentence)

    def _value(self, key: str) -> str:
        return self._sheet.values.get(key, self._language.missing)

    def flags(self) -> Iterator[Flag]:
        """What is left of the draft and was not used."""
        for place, piece in sorted(self._free.items()):
            shown = piece.text[:120]
            if place in self._repeated:
                yield Flag(
                    "repeated",
                    shown,
                    f"重复的句子已删去：{shown}",
                    f"A repeated sentence was removed: {shown}",
                )
            else:
                yield Flag(
                    "unsupported",
                    shown,
                    f"没有依据的内容已删去：{shown}",
                    f"A statement without support in the facts was removed: {shown}",
                )


def _wrong(unit: Unit, keys: tuple[str, ...], was: str, now: str) -> Repair:
    named = ", ".join(keys)
    zh = f"与要素不符（{named}），“{was[:120]}”已改为“{now}”"
    en = f'It did not agree with the facts ({named}): "{was[:120]}" became "{now}".'
    return Repair("wrong", unit.name, keys, was, now, zh, en)


def _missing(unit: Unit, now: str) -> Repair:
    named = ", ".join(unit.keys)
    zh = f"缺少的内容（{named}）已按要素补写：“{now}”"
    en = f'What was missing ({named}) was written from the facts: "{now}".'
    return Repair("missing", unit.name, unit.keys, "", now, zh, en)


def _placeholder_flag(unknown: tuple[str, ...]) -> Flag:
    shown = "、".join(unknown)[:120]
    return Flag(
        "placeholder",
        shown,
        f"模型改动了占位符：{shown}",
        f"The model changed a placeholder: {shown}",
    )
