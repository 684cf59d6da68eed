"""The secrets of a box that this very run made: kept in memory, shown once, never written by us."""

from dataclasses import dataclass, field

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
