"""Who writes the log down: in this process, or in one of its own."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.event import Event, Leaf
from appliance.audit.ledger import AuditIdentity
from appliance.audit.reading import AuditReader

Outcome = Leaf | Exception
"""What became of an event: where it stands, or why this one event can be no leaf."""


class Standing(NamedTuple):
    """How a log was found.

    Args:
        size: entries in it.
        boot: boot id of the process that wrote last; None for a new log.
        time: microseconds of its last entry.
        clean: whether it was closed in good order.
    """

    size: int
    boot: str | None
    time: int
    clean: bool


class Scribe(Protocol):
    """Writes one log; used by one thread at a time."""

    @property
    def identity(self) -> AuditIdentity:
        """Who signs the log."""
        ...

    def open(self) -> Standing:
        """Begin to write.

        Raises:
            AuditTampered: the stored log disagrees with its checkpoint.
            AuditUnavailable: another process writes this log.
            DbError: the database cannot be opened.
        """
        ...

    def reopen(self) -> None:
        """Begin again from what the disk kept, after a commit that failed."""
        ...

    def commit(self, events: Sequence[Event], *, clean: bool = False) -> list[Outcome]:
        """Make events durable together.

        Args:
            events: in order.
            clean: whether the log is closed after them.

        Raises:
            ApplianceError: nothing is known to be durable.
        """
        ...

    def anchor(self) -> None:
        """Remember, outside the database, how far the log has come."""
        ...

    def tend(self) -> bool:
        """While nobody waits, do a few milliseconds of housekeeping; whether there is more."""
        ...

    def prune(self, archive: ArchiveRow) -> None:
        """Entries stand in an archive: let them leave the database. Raises DbError."""
        ...

    def reader(self) -> AuditReader:
        """A reader with a connection of its own."""
        ...

    def release(self) -> None:
        """Close the database and let other processes write."""
        ...
