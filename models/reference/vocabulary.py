"""Vocabulary: the characters, words and placeholders that are worth a token of their own."""

import dataclasses
import functools
import re
from collections.abc import Iterator

from models.reference.catalogue import departments, languages
from models.reference.cataract import sampling, terms
from models.reference.departments.drawing import MEASURES
from models.reference.language import EYE_WORDS, MISSING, SLOT
from models.reference.people import gb2312
from models.reference.placeholders import TOKENS
from models.reference.prompting import SYSTEM, SYSTEM_EN

_HAN = re.compile(r"[\u4e00-\u9fff]{2,}")
_LATIN = re.compile(r"[A-Za-z]{2,}")
_LONGEST = 24


def han_characters() -> tuple[str, ...]:
    """The 3755 Han characters of GB 2312 level 1."""
    return gb2312(1)


def punctuation() -> tuple[str, ...]:
    """The marks of notes and prompts, full width and half width, that are worth a token each."""
    return tuple("\uff0c\u3002\uff1a\u3001\uff1b\uff08\uff09\u00b7\n,.:;()/-+^% ")


def placeholder_tokens() -> tuple[str, ...]:
    """The placeholders, each of which should be one token."""
    return tuple(TOKENS.values())


@functools.cache
def template_terms() -> tuple[str, ...]:
    """Words of the templates and of the generator's values, the longest first, without repeats.

    Chinese terms are runs of Han characters; Latin ones are units and English words.
    """
    found = {word for text in _texts() for word in _words(text)}
    return tuple(sorted(found, key=lambda word: (-len(word), word)))


def _words(text: str) -> Iterator[str]:
    for pattern in (_HAN, _LATIN):
        yield from (word for word in pattern.findall(text) if len(word) <= _LONGEST)


def _texts() -> Iterator[str]:
    yield from (SYSTEM, SYSTEM_EN, "mmHg mmol cm mm", *MISSING.values(), *TOKENS.values())
    for words in EYE_WORDS.values():
        yield from words
    for spoken in languages().values():
        yield from (heading for _, heading in spoken.sections)
        yield from (field.label for field in spoken.fields)
        yield from (SLOT.sub(" ", each) for unit in spoken.units for each in unit.templates)
    yield from terms.all_english()
    yield from _pool_words(vars(sampling))
    yield from MEASURES
    for department in departments().values():
        yield from _flat(dataclasses.astuple(department))


def _pool_words(names: dict[str, object]) -> Iterator[str]:
    """Every text inside the pools of a sampling module."""
    for name, value in names.items():
        if name.isupper():
            yield from _flat(value)


def _flat(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _flat(tuple(value.items()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _flat(each)
