"""What the catalogue tells of a tag."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One tag.

    Args:
        tag: "source:subject:action".
        zh: meaning in Chinese.
        en: meaning in English.
        details: names of its details, sorted.
    """

    tag: str
    zh: str
    en: str
    details: tuple[str, ...] = ()
