"""The secrets of a box that this very run made: kept in memory, shown once, never written by us."""

from dataclasses import dataclass, field

from appliance.settings.layout import StateLayout
from installer.journal import Journal

BIRTH = "birth"
"""The journal's word for: a box is made here."""
HANDED_OVER = "handover"
"""The journal's word for: somebody holds the secrets of this box."""


@dataclass(slots=True)
class Newborn:
    """Filled by the step that makes the box, emptied when the secrets were handed over."""

    administrator: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    recovery_key: str | None = field(default=None, repr=False)

    @property
    def waiting(self) -> bool:
        """True while secrets wait to be handed over."""
        return self.recovery_key is not None

    def forget(self) -> None:
        """Drop every secret."""
        self.administrator = self.password = self.passphrase = self.recovery_key = None


def unborn(layout: StateLayout, journal: Journal) -> bool:
    """Whether a box is still to be made here, or made anew because nobody holds its secrets.

    A vault that no installation here began to make came out of a backup, or the journal was lost:
    it stands, and is never taken for the remains of an interrupted run.
    """
    if journal.last(HANDED_OVER) == "done":
        return False
    return not layout.sealed_root.exists() or journal.last(BIRTH) is not None
