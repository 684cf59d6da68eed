"""Reads a note back: which sentence states which value, and whether the note is well formed."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.reference.language import NoteLanguage, Unit, families, patterns

LONGEST_NOTE = 20_000
LONGEST_SENTENCE = 400
# To the full width forms of Chinese text: , : ; ( ) and the half width full stop.
FULL_WIDTH = str.maketrans(",:;()\uff61", "\uff0c\uff1a\uff1b\uff08\uff09\u3002")
_ENDS = {"zh": re.compile(r"(?<=。)|\n"), "en": re.compile(r"(?<=[.])(?<!\s[A-Z][.])(?=\s)|\n")}


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that the language knows: its unit, its values by key, and where it stands."""

    unit: Unit
    values: Mapping[str, str]
    section: str | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A piece of text that no wording of the language covers."""

    section: str | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class ReadNote:
    """What a text says in a note language."""

    statements: tuple[Statement, ...]
    unread: tuple[Unread, ...]
    headings: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def well_formed(self) -> bool:
        """Every heading known, once and in order, and every sentence read in its own section."""
        return not self.problems

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Every value stated for each key, in order and without repeats."""
        found: dict[str, dict[str, None]] = {}
        for statement in self.statements:
            for key, value in statement.values.items():
                found.setdefault(key, {})[value] = None
        return {key: tuple(each) for key, each in found.items()}


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence of a text with its section and place."""

    section: str | None
    start: int
    end: int
    text: str


def fold(text: str, tongue: str) -> str:
    """A sentence as it is compared: width, spaces and, in English, case do not matter."""
    if tongue == "en":
        return " ".join(text.split()).casefold()
    return "".join(text.split()).translate(FULL_WIDTH)


@functools.lru_cache(maxsize=64)
def _heading(language: NoteLanguage) -> re.Pattern[str]:
    words = "|".join(re.escape(heading) for _, heading in language.sections)
    flags = re.IGNORECASE if language.tongue == "en" else 0
    return re.compile(rf"(?:^|(?<=[\n。]))[ \t【#*]*({words})[】*]*[ \t]*[:\uff1a][ \t]*", flags)


def pieces(text: str, language: NoteLanguage) -> tuple[tuple[str, ...], tuple[Piece, ...]]:
    """Section keys in the order met, and every sentence with the section it stands in."""
    keys = {heading.casefold(): key for key, heading in language.sections}
    marks = list(_heading(language).finditer(text))
    starts: list[tuple[str | None, int, int]] = [
        (None, 0, marks[0].start() if marks else len(text))
    ]
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(text)
        starts.append((keys[mark[1].casefold()], mark.end(), end))
    found = [
        piece
        for section, start, end in starts
        for piece in _sentences(text, section, start, end, language.tongue)
    ]
    return tuple(key for key, _, _ in starts if key is not None), tuple(found)


def _sentences(
    text: str, section: str | None, start: int, end: int, tongue: str
) -> Iterator[Piece]:
    place = start
    for part in _ENDS[tongue].split(text[start:end]):
        here = text.find(part, place)
        place = here + len(part)
        bare = part.strip()
        if bare:
            lead = here + part.index(bare)
            yield Piece(section, lead, lead + len(bare), bare)


def understand(
    sentence: str, section: str | None, language: NoteLanguage
) -> tuple[Unit, dict[str, str]] | None:
    """The unit and the values of one sentence; the section it stands in is tried first."""
    bare = sentence.translate(FULL_WIDTH) if language.tongue == "zh" else sentence
    if len(bare) > LONGEST_SENTENCE:
        return None
    found = None
    for unit, pattern, _ in patterns(language):
        if found is not None and unit.section != section:
            continue
        if match := pattern.fullmatch(bare):
            values = {key: match[f"s{place}"].strip() for place, key in enumerate(unit.slots)}
            found = (unit, {**values, **dict(unit.when)})
            if unit.section == section:
                break
    return found


def read_note(text: str, language: NoteLanguage) -> ReadNote:
    """What a text says: statements, what could not be read, and what is wrong with its form."""
    text = text[:LONGEST_NOTE]
    headings, parts = pieces(text, language)
    statements: list[Statement] = []
    unread: list[Unread] = []
    met: dict[str, int] = {}
    for piece in parts:
        known = understand(piece.text, piece.section, language)
        if known is not None:
            known = _in_turn(*known, met, language)
        if known is None:
            unread.append(Unread(piece.section, piece.start, piece.end, piece.text))
        else:
            unit, values = known
            statements.append(
                Statement(unit, values, piece.section, piece.start, piece.end, piece.text)
            )
    problems = tuple(_problems(headings, statements, unread, language))
    return ReadNote(tuple(statements), tuple(unread), headings, problems)


def _in_turn(
    head: Unit, values: dict[str, str], met: dict[str, int], language: NoteLanguage
) -> tuple[Unit, dict[str, str]] | None:
    """The member of a family that the next such sentence is; None when there are too many."""
    family = families(language)[head.name]
    if len(family) == 1:
        return head, values
    turn = met[head.name] = met.get(head.name, -1) + 1
    return (family[turn], renamed(head, family[turn], values)) if turn < len(family) else None


def renamed(head: Unit, member: Unit, values: Mapping[str, str]) -> dict[str, str]:
    """The values of one unit under the keys of another that is worded alike."""
    names = dict(zip(head.slots, member.slots, strict=True))
    return {names.get(key, key): value for key, value in values.items()}


def _problems(
    headings: tuple[str, ...],
    statements: list[Statement],
    unread: list[Unread],
    language: NoteLanguage,
) -> Iterator[str]:
    order = [key for key, _ in language.sections if key in headings]
    if list(headings) != order:
        yield "headings"
    if not headings:
        yield "no headings"
    yield from (f"unread: {each.text[:40]}" for each in unread)
    yield from (
        f"misplaced: {each.unit.name}" for each in statements if each.unit.section != each.section
    )
    names = [each.unit.name for each in statements]
    yield from (f"repeated: {name}" for name in dict.fromkeys(names) if names.count(name) > 1)
