"""Placeholders: what identifies a patient is swapped out before the model and put back after."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.reference.cataract.values import sheet_of
from models.reference.facts import AdmissionFacts
from models.reference.language import Sheet
from models.reference.masking import Masker

TOKENS = {
    "patient.name": "⟦姓名⟧",
    "patient.admission_no": "⟦住院号⟧",
    "patient.bed": "⟦床号⟧",
    "patient.id_number": "⟦证件号⟧",
    "patient.phone": "⟦电话⟧",
    "patient.address": "⟦住址⟧",
    "informant.name": "⟦陪诊人⟧",
    "admission_date": "⟦入院日期⟧",
    "plan.date": "⟦手术日期⟧",
    "discharge_date": "⟦出院日期⟧",
}
_ANY = re.compile(r"⟦[^⟦⟧]{0,24}⟧")


@dataclass(frozen=True, slots=True)
class MaskedFacts:
    """The sheet that a model may see: nothing in it identifies."""

    sheet: Sheet


@dataclass(frozen=True, slots=True)
class PlaceholderReport:
    """What a model did to the placeholders it was given."""

    absent: tuple[str, ...]
    unknown: tuple[str, ...]
    mangled: int
    repeated: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether every placeholder came back, none was invented and none is broken."""
        return not (self.absent or self.unknown or self.mangled)


@dataclass(frozen=True, slots=True)
class Restoration:
    """The way back: what each placeholder stands for. It holds identity and stays in memory."""

    originals: Mapping[str, str]

    def restore(self, text: str) -> str:
        """The text with every known placeholder put back, in one pass; others stay as they are."""
        return _ANY.sub(lambda found: self.originals.get(_bare(found[0]), found[0]), text)

    def report(self, text: str) -> PlaceholderReport:
        """Which placeholders of a model's answer are absent, unknown, repeated or broken."""
        found = [_bare(each) for each in _ANY.findall(text)]
        rest = _ANY.sub("", text)
        return PlaceholderReport(
            absent=tuple(each for each in self.originals if each not in found),
            unknown=tuple(dict.fromkeys(each for each in found if each not in self.originals)),
            mangled=rest.count("⟦") + rest.count("⟧"),
            repeated=tuple(each for each in self.originals if found.count(each) > 1),
        )


def _bare(token: str) -> str:
    """A placeholder as it was given: a model may have put spaces into it."""
    return "".join(token.split())


def mask(facts: AdmissionFacts, tongue: str = "zh") -> tuple[MaskedFacts, Restoration]:
    """Facts as a sheet without identity, and the way back."""
    return mask_sheet(sheet_of(facts, tongue))


def mask_sheet(sheet: Sheet) -> tuple[MaskedFacts, Restoration]:
    """Any sheet without identity, and the way back.

    Whole values that identify become one placeholder each; identity that stands inside another
    value (a name in a symptom) is swapped there too.
    """
    masker = Masker(_identity(sheet))
    values = {
        key: TOKENS[key] if key in TOKENS else masker.mask(value)
        for key, value in sheet.values.items()
    }
    originals = {token: sheet.values[key] for key, token in TOKENS.items() if key in sheet.values}
    return MaskedFacts(Sheet(sheet.language, values)), Restoration(masker.originals | originals)


def mask_text(text: str, facts: AdmissionFacts | None = None) -> tuple[str, Restoration]:
    """Free text, such as a chat message, without the identity of a patient, and the way back.

    Names are found whole, spaced, in parts and as surname with title; numbers in any width and
    grouping. Citizen and mobile numbers of anybody are swapped too, also without facts.
    """
    masker = Masker(_identity(sheet_of(facts)) if facts else {})
    return masker.mask(text), Restoration(masker.originals)


def _identity(sheet: Sheet) -> dict[str, str]:
    """What identifies, by the label of its placeholder; dates are no part of free text."""
    return {
        token[1:-1]: sheet.values[key]
        for key, token in TOKENS.items()
        if key in sheet.values and not token.endswith("日期⟧")
    }
