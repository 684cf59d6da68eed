"""The part of the audit log that this room needs."""

from concurrent.futures import Future
from typing import Any, Final, Protocol

from appliance.audit.event import Entry, Event
from appliance.audit.query import Query

RECORD_S: Final = 30.0
"""How long a record may take."""


class Log(Protocol):
    """The part of the audit log that this room needs."""

    @property
    def reader(self) -> "Entries":
        """The entries."""
        ...

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Entries(Protocol):
    """The part of reading the log that this room needs."""

    def entry(self, index: int) -> Entry:
        """One entry. Raises AuditEntryUnknown."""
        ...

    def search(self, query: Query) -> list[Entry]:
        """The newest entries that meet a query, newest first."""
        ...
