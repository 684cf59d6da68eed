"""The cards that are planned with: "8x H20-96G" as a data sheet and a number."""

import re
from dataclasses import dataclass
from typing import Final, Self

from models.formats.refusals import quoted
from models.hardware.datasheets import SHEETS, sheet_named
from models.hardware.sheet import CardSheet
from models.planning.errors import CardNotKnown, CountRefused

MOST_CARDS: Final = 64
_WRITTEN: Final = re.compile(r"\s*(?:(-?\d{1,9})\s*[x×*]\s*)?(\S.{0,63}?)\s*", re.IGNORECASE)


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
        """Reads "8x H20-96G", "8xH20", "2 × A100-80G" or a single "L40S".

        Raises:
            CardNotKnown: There is no data sheet for that name; `facts` list those there are.
            CountRefused: No cards, or more than 64.
        """
        match = _WRITTEN.fullmatch(text)
        sheet = None
        if match is not None:
            sheet = sheet_named(match.group(2))
        if match is None or sheet is None:
            known = ", ".join(sheet.key for sheet in SHEETS)
            raise CardNotKnown(card=quoted(text), known=known)
        count = int(match.group(1) or 1)
        if not 1 <= count <= MOST_CARDS:
            raise CountRefused(field="--gpus", value=count, least=1, most=MOST_CARDS)
        return cls(sheet, count)

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.count}x {self.sheet.key}"
