"""The cards that are planned with: "8x H20-96G" as a data sheet and a number."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final, Self

from models.errors import NoAccelerator
from models.formats.refusals import quoted
from models.hardware.datasheets import SHEETS, sheet_named, sheet_of_product
from models.hardware.facts import Hardware
from models.hardware.sheet import CardSheet
from models.planning.errors import CardNotKnown, CountRefused

MOST_CARDS: Final = 64
HERE: Final = "here"
"""Written for the cards of this machine."""
_WRITTEN: Final = re.compile(r"\s*(?:(-?\d{1,9})\s*[x×*]\s*)?(\S.{0,63}?)\s*", re.IGNORECASE)

_TURNED: Final = re.compile(r"^(.{1,64}?)\s*[x×*]\s*(\d{1,9})\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Equal cards in one machine.

    Attributes:
        sheet: What one card is.
        count: How many there are.
    """

    sheet: CardSheet
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "8x H20-96G", "8xH20", "2 × A100-80G", "H20 x8" or a single "L40S".

        Raises:
            CardNotKnown: There is no data sheet for that name; `facts` list those there are.
            CountRefused: No cards, or more than 64.
        """
        # "RTX 4090" holds an x with a number behind it: as written comes first.
        for written in (text, _TURNED.sub(r"\2 x \1", text)):
            match = _WRITTEN.fullmatch(written)
            sheet = None if match is None else sheet_named(match.group(2))
            if match is not None and sheet is not None:
                count = int(match.group(1) or 1)
                if not 1 <= count <= MOST_CARDS:
                    raise CountRefused(field="--gpus", value=count, least=1, most=MOST_CARDS)
                return cls(sheet, count)
        known = ", ".join(sheet.key for sheet in SHEETS)
        raise CardNotKnown(card=quoted(text), known=known)

    @classmethod
    def here(cls, hardware: Hardware) -> Self:
        """The cards of this machine: of its commonest known product, all there are.

        Raises:
            NoAccelerator: There is none, or none whose data sheet is known.
        """
        found = Counter(
            sheet.key
            for card in hardware.accelerators
            if (sheet := sheet_of_product(card.name)) is not None
        )
        if not found:
            names = [card.name for card in hardware.accelerators]
            names += [f"{one.vendor}: {one.reason}" for one in hardware.unreadable]
            told = "; ".join(names)
            raise NoAccelerator(reason_zh=told or "未检测到", reason_en=told or "none was found")
        key, devices = found.most_common(1)[0]
        sheet = next(sheet for sheet in SHEETS if sheet.key == key)
        return cls(sheet, min(MOST_CARDS, max(1, devices // sheet.chips)))

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.count}x {self.sheet.key}"
