"""A note: sections of sentences, each sentence linked to the facts it states."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoteSentence:
    """One sentence, the keys of the facts it states and the unit of the language it follows."""

    text: str
    sources: tuple[str, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class NoteSection:
    """A heading and its sentences."""

    key: str
    heading: str
    sentences: tuple[NoteSentence, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A whole note; `tongue` is zh or en."""

    tongue: str
    sections: tuple[NoteSection, ...]

    @property
    def sentences(self) -> tuple[NoteSentence, ...]:
        """All sentences in order."""
        return tuple(each for section in self.sections for each in section.sentences)

    @property
    def text(self) -> str:
        """One line per section: heading, colon, sentences."""
        colon, gap = ("：", "") if self.tongue == "zh" else (": ", " ")
        return "\n".join(
            section.heading + colon + gap.join(each.text for each in section.sentences)
            for section in self.sections
        )
