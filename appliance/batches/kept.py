"""Responses kept so that a later one can go on from them; only what asked for it is kept."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.audit import events_files as events
from appliance.audit.event import Event
from appliance.batches.store import ResponseStore
from appliance.db.database import Db

KEPT_S: Final = 30 * 86_400.0
_AUDIT_TIMEOUT_S: Final = 30.0


class Audit(Protocol):
    """The part of the audit log that kept responses need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """One response.

    Attributes:
        id: "resp_..." as the caller knows it.
        turns: The conversation with its answer, JSON, as the dialect made it.
        response: The response as the caller saw it, JSON.
    """

    id: str
    turns: bytes
    response: bytes


class KeptResponses:
    """The kept responses of one box. Synchronous; belongs in the thread pool."""

    def __init__(self, db: Db, audit: Audit, clock: Callable[[], float]) -> None:
        self._store = ResponseStore(db)
        self._audit = audit
        self._clock = clock

    def keep(self, owner: str, kept: KeptResponse) -> None:
        """Keep a response; call it before the answer leaves."""
        self._record(events.response_change("keep", owner, response_id=kept.id))
        self._store.keep(
            {
                "id": kept.id,
                "owner": owner,
                "created": self._clock(),
                "turns": kept.turns,
                "response": kept.response,
            }
        )

    def get(self, owner: str, response_id: str) -> KeptResponse:
        """Return a response. Raises ResponseUnknown."""
        row = self._store.get(owner, response_id)
        return KeptResponse(row["id"], bytes(row["turns"]), bytes(row["response"]))

    def delete(self, owner: str, response_id: str) -> None:
        """Forget a response. Raises ResponseUnknown."""
        self._store.get(owner, response_id)
        self._record(events.response_change("delete", owner, response_id=response_id))
        self._store.drop(response_id)

    def sweep(self) -> None:
        """Forget what is older than `KEPT_S`."""
        self._store.prune(self._clock() - KEPT_S)

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
