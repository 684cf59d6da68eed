"""What is known of a bundle so far, for the history and the audit log."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from appliance.updates.store import Seen
from appliance.updates.verify import Verified

UNKNOWN: Final = "none"
"""Id of a bundle that was refused before anything of it could be believed."""
_LONGEST: Final = 2000


class Account:
    """What is known of a bundle so far; a refusal tells no more than was proven."""

    def __init__(self) -> None:
        self._seen = Seen(UNKNOWN, "", "", "", "", datetime.fromtimestamp(0, UTC), "")

    def about(self, found: Verified) -> None:
        """Learn the bundle's id and its packages."""
        kinds = ", ".join(sorted({package.kind for package in found.packages}))
        subject = ", ".join(package.package_id for package in found.packages)
        version = ", ".join(package.version for package in found.packages)
        self._seen = replace(
            self._seen,
            id=found.bundle,
            kind=kinds,
            subject=subject[:_LONGEST],
            version=version[:_LONGEST],
        )

    def concern(self, kind: str, package_id: str) -> None:
        """Learn which package it is about, where no bundle is."""
        self._seen = replace(self._seen, kind=kind, subject=package_id)

    def value(self, state: str, sentence: str, time: datetime) -> Seen:
        """Return the entry for the history."""
        return replace(self._seen, state=state, sentence=sentence, time=time)
