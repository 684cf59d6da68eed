"""What is known of a bundle so far, for the history and the audit log."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from appliance.updates.store import Seen
from appliance.updates.verify import Verified
from models.card import ModelCard

KIND: Final = "models"
UNKNOWN: Final = "none"
"""Id of a bundle that was refused before anything of it could be believed."""
_LONGEST: Final = 2000


class Account:
    """What is known of a bundle so far; a refusal tells no more than was proven."""

    def __init__(self) -> None:
        self._seen = Seen(UNKNOWN, KIND, "", "", "", datetime.fromtimestamp(0, UTC), "")

    def about(self, found: Verified, cards: tuple[ModelCard, ...]) -> None:
        """Learn the bundle's id and models, and their versions from the cards."""
        subject = ", ".join(package.model_id for package in found.packages)
        version = ", ".join(card.version for card in cards)
        self._seen = replace(
            self._seen, id=found.bundle, subject=subject[:_LONGEST], version=version[:_LONGEST]
        )

    def value(self, state: str, sentence: str, time: datetime) -> Seen:
        """Return the entry for the history."""
        return replace(self._seen, state=state, sentence=sentence, time=time)
