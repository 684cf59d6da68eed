"""A step: one thing that must be true of the machine, how to see it, make it so and take it back."""

from typing import Protocol

from installer.host import Host


class Step(Protocol):
    """One step of a plan. Steps look at the machine themselves and change it only through the host."""

    @property
    def name(self) -> str:
        """A short stable id, as it stands in the journal."""

    @property
    def title(self) -> str:
        """What it does, for the person at the screen: Chinese, then English."""

    def needed(self) -> bool:
        """True while the machine is not yet as the step wants it."""

    def apply(self, host: Host) -> None:
        """Make it so. Safe to repeat after an interruption at any point."""

    def undo(self, host: Host) -> None:
        """Take it back; absent is fine."""
