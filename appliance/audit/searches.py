"""Who searches the record is on the record: each patient that is asked for, else once an hour."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from appliance.audit.event import Event
from appliance.audit.events_reading import log_search
from appliance.audit.query import Query
from appliance.errors import AuditUnavailable

if TYPE_CHECKING:
    from concurrent.futures import Future

_AGAIN_S: Final = 3600.0
_PATIENT_AGAIN_S: Final = 60.0
_MOST: Final = 4096
_CONDITIONS: Final = ("actor", "model", "patient", "receipt", "request_id", "since", "tag", "until")


class Searches:
    """Notes searches. A screen that asks every second is noted once, or the log would fill itself.

    Args:
        append: records an event.
        monotonic: seconds that no one can set.
    """

    def __init__(
        self, append: Callable[[Event], "Future[Any]"], monotonic: Callable[[], float]
    ) -> None:
        self._append = append
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._noted: dict[tuple[str, str | None], float] = {}

    def note(self, actor: str, query: Query) -> None:
        """Record a search before its answer leaves; the pages that follow its first one belong to it.

        While the log cannot be written it can still be looked at, but for no patient.

        Raises:
            AuditUnavailable: it cannot be recorded, and must not be answered.
        """
        if query.before is not None or not self._due(actor, query.patient):
            return
        conditions = [name for name in _CONDITIONS if getattr(query, name) is not None]
        event = log_search(actor, conditions=conditions, patient=query.patient)
        try:
            self._append(event).result()
        except AuditUnavailable:
            self._noted.pop((actor, query.patient), None)
            if query.patient is not None:
                raise

    def _due(self, actor: str, patient: str | None) -> bool:
        again = _AGAIN_S if patient is None else _PATIENT_AGAIN_S
        now = self._monotonic()
        with self._lock:
            last = self._noted.get((actor, patient))
            if last is not None and now - last < again:
                return False
            if len(self._noted) >= _MOST:
                self._noted.clear()
            self._noted[actor, patient] = now
        return True
