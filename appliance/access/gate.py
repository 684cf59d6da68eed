"""The gate: what every request passes, in memory only, and the thread that writes what was counted."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, Protocol

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    ModelForbidden,
    QuotaExceeded,
)
from appliance.access.grants import Grant
from appliance.access.index import Credential, CredentialIndex
from appliance.access.metering import Meter, Ticker
from appliance.access.roles import LOCAL_ROLE, SCOPES
from appliance.access.store import AccessStore
from appliance.audit import events
from appliance.audit.event import Event
from appliance.errors import ApplianceError

ANONYMOUS: Final = "anonymous"
LOCAL_ACTOR: Final = "local:console"
LOCAL: Final = Grant(LOCAL_ACTOR, SCOPES, None, None, LOCAL_ROLE)
_FLUSH_S: Final = 1.0
_AUDIT_TIMEOUT_S: Final = 30.0
_LIMIT_ZH: Final = {"requests": "请求数", "tokens": "词元数"}


class Audit(Protocol):
    """The part of the audit log that access needs: durable once the future resolves."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Gate:
    """Checks callers against the live credentials and counts what they use.

    `authenticate`, `require`, `allow`, `admit` and `meter` are called for every request, from the
    event loop: a dictionary look-up, one SHA-256 and a constant-time comparison.
    """

    def __init__(self, store: AccessStore, audit: Audit, clock: Callable[[], float]) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._index = CredentialIndex()
        self._meter = Meter(clock)
        self._refused = 0
        self._flushed_at = clock()
        self._ticker: Ticker | None = None

    def authenticate(self, authorization: str | None) -> Grant:
        """Return the grant behind an Authorization header.

        Raises:
            AccessRefused: For any reason; the sentence tells none.
        """
        credential = self._index.check(authorization, self._clock())
        if credential is None:
            self._refused += 1
            raise AccessRefused
        return credential.grant

    def local_grant(self) -> Grant:
        """Return the grant of whoever reached the local Unix socket: administrator."""
        return LOCAL

    def require(self, grant: Grant, scope: str) -> None:
        """Raise AccessForbidden unless the grant holds the scope."""
        if scope not in grant.scopes:
            raise AccessForbidden(scope=scope)

    def allow(self, grant: Grant, model: str) -> None:
        """Raise ModelForbidden unless the grant covers the model."""
        if grant.models is not None and model not in grant.models:
            raise ModelForbidden(model=model[:64])

    def admit(self, grant: Grant) -> None:
        """Count one request in.

        Raises:
            QuotaExceeded: The minute is used up; `facts["retry_after_s"]` says when to come back.
        """
        credential = self._limited(grant)
        if credential is None or credential.quota is None:
            return
        exhausted = credential.quota.admit(self._clock())
        if exhausted is not None:
            limit, wait = exhausted
            raise QuotaExceeded(limit=limit, limit_zh=_LIMIT_ZH[limit], retry_after_s=wait)

    def meter(self, grant: Grant, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what one answer used, for the usage table and the key's quota."""
        self._meter.add(grant, model, prompt_tokens, completion_tokens)
        credential = self._limited(grant)
        if credential is not None and credential.quota is not None:
            credential.quota.charge(prompt_tokens + completion_tokens, self._clock())

    def flush(self) -> None:
        """Write the counts of the last second; what cannot be written is kept for the next."""
        rows = self._meter.take()
        now = self._clock()
        seen = self._index.seen_since(self._flushed_at)
        try:
            if rows:
                self._store.add_usage(rows)
            rows = []
            if seen:
                self._store.touch_sessions(seen)
            self._flushed_at = now
            self._tell_refusals()
        except ApplianceError:
            self._meter.give_back(rows)

    def close(self) -> None:
        """Write what is left and stop the thread."""
        if self._ticker is not None:
            self._ticker.close()

    def _start(self) -> None:
        self._ticker = Ticker(self.flush, _FLUSH_S)

    def _limited(self, grant: Grant) -> Credential | None:
        return None if grant.key_id is None else self._index.get(grant.key_id)

    def _tell_refusals(self) -> None:
        # One event a second at most, so that a flood of bad keys cannot fill the log.
        refused, self._refused = self._refused, 0
        if refused:
            told = events.key_refuse(ANONYMOUS, None, code=AccessRefused.code)
            self._record(replace(told, details={**told.details, "count": refused}))

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
