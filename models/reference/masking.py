"""Finds one patient's identity in free text: names in any spelling, numbers in any width."""

import functools
import re
from collections.abc import Iterator, Mapping

from models.reference.people import COMPOUND_SURNAMES

_DOTS = "·•・‧∙.\uff0e"
_TITLES = "先生|女士|小姐|同志|大爷|大妈|大叔|大姐|阿姨|奶奶|爷爷|老师|师傅|老人家|某某?"
_GAP = r"[\s\u3000]{0,2}"
_NUMBER_GAP = r"[\s\u3000–—-]{0,2}"
_SHORTEST_NUMBER = 4
_SHORTEST_PART = 2
_LONG = 40
_WIDE_DIGIT = r"[0-9\uff10-\uff19]"
_DIGITS = re.compile(rf"{_WIDE_DIGIT}(?:{_NUMBER_GAP}{_WIDE_DIGIT}){{3}}")
_BREAKS = re.compile(rf"[{re.escape(_DOTS)}\s]+")
_SPACING = re.compile(r"[\s-]")
# Any citizen number (15 or 18 characters) and any mobile number, whoever they belong to.
_ANY_NUMBER = (
    (
        "证件号",
        rf"(?<!{_WIDE_DIGIT}){_WIDE_DIGIT}{{17}}[0-9\uff10-\uff19Xx\uff38\uff58](?!{_WIDE_DIGIT})",
    ),
    ("证件号", rf"(?<!{_WIDE_DIGIT}){_WIDE_DIGIT}{{15}}(?!{_WIDE_DIGIT})"),
    (
        "电话",
        rf"(?<!{_WIDE_DIGIT})[1\uff11][3-9\uff13-\uff19]{_WIDE_DIGIT}(?:{_NUMBER_GAP}{_WIDE_DIGIT}){{8}}(?!{_WIDE_DIGIT})",
    ),
)


class Masker:
    """Swaps a patient's identity in free text for placeholders, each spelling for its own."""

    def __init__(self, identity: Mapping[str, str]) -> None:
        """Args: identity: values by label (姓名, 陪诊人, 证件号, 电话, 住院号, 床号, 住址)."""
        self._tokens: dict[str, str] = {}
        self.originals: dict[str, str] = {}
        for label, value in identity.items():
            self._token(label, value)
        self._identity = identity
        self._letters = frozenset(identity.get("姓名", "") + identity.get("陪诊人", ""))
        self._labels: list[str] = []

    def mask(self, text: str) -> str:
        """The text with every piece of identity swapped; foreign placeholder brackets are turned."""
        bare = text.replace("⟦", "〔").replace("⟧", "〕")
        return self._pattern.sub(self._swap, bare) if self._may_hold(bare) else bare

    def _may_hold(self, text: str) -> bool:
        """A quick look, so that most short values need no pattern at all."""
        letters = set(text)
        return (
            not self._letters.isdisjoint(letters)
            or "床" in letters
            or len(text) > _LONG
            or bool(_DIGITS.search(text))
            or set(self._identity.get("住址", "床")) <= letters
        )

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        found = [*_known(self._identity), *_ANY_NUMBER]
        self._labels = [label for label, _ in found]
        try:
            return re.compile("|".join(f"(?P<g{n}>{each})" for n, (_, each) in enumerate(found)))
        finally:
            # The library keeps the last 512 patterns of a process for ever, with the names in them.
            re.purge()

    def _swap(self, found: re.Match[str]) -> str:
        group = found.lastgroup or "g0"
        return self._token(self._labels[int(group[1:])], found[0])

    def _token(self, label: str, original: str) -> str:
        if original not in self._tokens:
            number = 1 + sum(each.startswith(f"⟦{label}") for each in self.originals)
            token = f"⟦{label}{number if number > 1 else ''}⟧"
            self._tokens[original] = token
            self.originals[token] = original
        return self._tokens[original]


def _known(identity: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for label in ("姓名", "陪诊人"):
        if label in identity:
            yield from ((label, pattern) for pattern in _of_name(identity[label]))
    for label in ("证件号", "电话", "住院号"):
        value = _SPACING.sub("", identity.get(label, ""))
        if len(value) >= _SHORTEST_NUMBER:
            spelled = _NUMBER_GAP.join(_any_width(each) for each in value)
            yield label, rf"(?<![0-9A-Za-z]){spelled}(?![0-9A-Za-z])"
    if len(identity.get("住址", "")) >= _SHORTEST_NUMBER:
        yield "住址", _GAP.join(_any_width(each) for each in identity["住址"])
    if bed := identity.get("床号"):
        spelled = "".join(_any_width(each) for each in bed)
        yield "床号", rf"(?<![0-9A-Za-z]){spelled}(?=\s*号?病?床)"
        yield (
            "床号",
            rf"(?<=床号){spelled}(?![0-9A-Za-z])|(?<=床号[:\uff1a]){spelled}(?![0-9A-Za-z])",
        )


def _of_name(name: str) -> Iterator[str]:
    """Patterns for a name: whole, its parts, and the surname with a title."""
    letters = [each for each in name if not each.isspace()]
    yield _GAP.join(_any_dot(each) for each in letters)
    parts = [each for each in _BREAKS.split(name) if each]
    if len(parts) > 1:
        yield from (
            rf"(?<![A-Za-z]){re.escape(part)}(?![A-Za-z])"
            for part in sorted(parts, key=len, reverse=True)
            if len(part) >= _SHORTEST_PART
        )
        return
    surname = name[:2] if name[:2] in COMPOUND_SURNAMES else name[:1]
    if len(name) - len(surname) >= _SHORTEST_PART:
        yield re.escape(name[len(surname) :])
    if len(name) > len(surname):
        yield rf"{re.escape(surname)}{_GAP}(?:{_TITLES})|[老小]{re.escape(surname)}(?![\u4e00-\u9fff])"


def _any_dot(letter: str) -> str:
    return f"[{re.escape(_DOTS)}]?" if letter in _DOTS else re.escape(letter)


def _any_width(letter: str) -> str:
    """A character in half or full width, capital or small."""
    forms = {letter, letter.upper(), letter.lower()} if letter.isascii() else {letter}
    wide = {chr(ord(each) + 0xFEE0) for each in forms if "!" <= each <= "~"}
    return f"[{''.join(re.escape(each) for each in sorted(forms | wide))}]"
