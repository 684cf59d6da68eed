"""The gate: what every request passes, in memory only, and the thread that writes what was counted."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from mypy_extensions import mypyc_attr

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    ModelForbidden,
    PasswordExpired,
    QuotaExceeded,
    TotpEnrolmentDue,
)
from appliance.access.grants import Grant
from appliance.access.index import CredentialIndex
from appliance.access.metering import Meter, Ticker
from appliance.access.quota import Exhausted, Header
from appliance.access.refusals import UNKNOWN, Refusals, Refused
from appliance.access.roles import LOCAL_ROLE, SCOPES
from appliance.access.usage_store import UsageStore
from appliance.audit.event import Event
from appliance.errors import ApplianceError

LOCAL_ACTOR: Final = "local:console"
LOCAL: Final = Grant(LOCAL_ACTOR, SCOPES, None, None, LOCAL_ROLE, owner=LOCAL_ACTOR)
_FLUSH_S: Final = 1.0
_AUDIT_TIMEOUT_S: Final = 30.0
_ZH: Final = {
    "requests": "请求数",
    "tokens": "词元数",
    "minute": "分钟",
    "day": "天",
    "month": "月",
}


class Audit(Protocol):
    """The part of the audit log that access needs: durable once the future resolves."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@mypyc_attr(allow_interpreted_subclasses=True)
class Gate:
    """Checks callers against the live credentials and counts what they use.

    `authenticate`, `require`, `allow`, `admit` and `meter` are called for every request, from the
    event loop: a dictionary look-up, one SHA-256 and a constant-time comparison. `alive` is for
    requests under way: ask it between the events of a stream.
    """

    def __init__(self, usage: UsageStore, audit: Audit, clock: Callable[[], float]) -> None:
        self._usage = usage
        self._audit = audit
        self._clock = clock
        self._index = CredentialIndex()
        self._meter = Meter(clock())
        self._refusals = Refusals(self._record)
        self._flushed_at = clock()
        self._ticker: Ticker | None = None

    def authenticate(self, authorization: str | None) -> Grant:
        """Return the grant behind an Authorization header.

        Raises:
            AccessRefused: For any reason; the sentence tells none.
        """
        credential = self._index.check(authorization, self._clock())
        if credential is None:
            self._refusals.count(UNKNOWN)
            raise AccessRefused
        return credential.grant

    def grant_of_key(self, key_id: str) -> Grant | None:
        """Return the grant of a live key, for callers whose certificate stands for it."""
        credential = self._index.live.get(key_id)
        if credential is None or self._clock() >= credential.expires:
            return None
        return credential.grant if credential.grant.key_id == key_id else None

    def spent(self) -> list[tuple[str, str, str, float]]:
        """Return the calendar limits of live keys: key id, kind, window, share that is used."""
        now = self._clock()
        return [
            (credential.grant.key_id, *row)
            for credential in tuple(self._index.live.values())
            if credential.quota is not None and credential.grant.key_id is not None
            for row in credential.quota.spent(now)
        ]

    def local_grant(self) -> Grant:
        """Return the grant of whoever reached the local Unix socket: administrator."""
        return LOCAL

    def require(self, grant: Grant, scope: str) -> None:
        """Raise AccessForbidden unless the grant holds the scope.

        Raises:
            AccessForbidden: It does not.
            PasswordExpired, TotpEnrolmentDue: It would, once the person has done what is due.
        """
        if scope not in grant.scopes:
            if grant.must is not None:
                raise PasswordExpired if grant.must == "password" else TotpEnrolmentDue
            raise AccessForbidden(scope=scope)

    def allow(self, grant: Grant, model: str) -> None:
        """Raise ModelForbidden unless the grant covers the model."""
        if grant.models is not None and model not in grant.models:
            raise ModelForbidden(model=model[:64])

    def admit(self, grant: Grant) -> None:
        """Count one request in.

        Raises:
            QuotaExceeded: A limit is used up; `facts["limit"]` and `facts["window"]` say which,
                `facts["retry_after_s"]` when to come back, `facts["limits"]` are the headers
                of `limits`.
        """
        credential = self._index.live.get(grant.credential)
        if credential is not None and credential.quota is not None:
            exhausted = credential.quota.admit(self._clock())
            if exhausted is not None:
                raise _exceeded(exhausted, self.limits(grant))

    def meter(self, grant: Grant, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what one answer used, for the usage table and the key's quota.

        A request that fails at the engine is not metered: it costs its key no tokens.
        """
        self._meter.add(grant, model, (prompt_tokens, completion_tokens), self._clock())
        credential = self._index.live.get(grant.credential)
        if credential is not None and credential.quota is not None:
            credential.quota.charge(prompt_tokens + completion_tokens)

    def turned_away(self, actor: str, code: str, route: str, model: str) -> None:
        """Count a request that found no place at a full engine; told once a second."""
        self._refusals.count(Refused(actor, code, route, model))

    def alive(self, grant: Grant) -> bool:
        """Tell whether what the grant allows is allowed still.

        False once its key or session is revoked or expired, its owner disabled or removed, or its
        rights narrowed: a request under way has to end then.
        """
        if grant is LOCAL:
            return True
        credential = self._index.live.get(grant.credential)
        if credential is None or self._clock() >= credential.expires:
            return False
        return credential.grant is grant or _covers(credential.grant, grant)

    def limits(self, grant: Grant) -> tuple[Header, ...]:
        """Return OpenAI's x-ratelimit headers for a key with limits, none for everybody else.

        Of several limits of one kind the one with the least left is told.
        """
        credential = self._index.live.get(grant.credential)
        if credential is None or credential.quota is None:
            return ()
        return credential.quota.headers(self._clock())

    def flush(self) -> None:
        """Write the counts of the last second; what cannot be written is kept for the next."""
        now = self._clock()
        rows = self._meter.take(now)
        counts = self._index.take_counts(now)
        seen = self._index.seen_since(self._flushed_at)
        try:
            if rows or counts or seen:
                self._usage.add(rows, counts, seen)
            rows, counts = [], []
            self._flushed_at = now
            self._refusals.tell()
        except ApplianceError:
            self._meter.give_back(rows)
            self._index.recount(counts)

    def close(self) -> None:
        """Write what is left and stop the thread."""
        if self._ticker is not None:
            self._ticker.close()

    def _start(self) -> None:
        self._ticker = Ticker(self.flush, _FLUSH_S)

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _covers(now: Grant, then: Grant) -> bool:
    if not now.scopes >= then.scopes:
        return False
    return now.models is None or (then.models is not None and now.models >= then.models)


def _exceeded(exhausted: Exhausted, limits: tuple[Header, ...]) -> QuotaExceeded:
    return QuotaExceeded(
        limit=exhausted.limit,
        limit_zh=_ZH[exhausted.limit],
        window=exhausted.window,
        window_zh=_ZH[exhausted.window],
        retry_after_s=exhausted.wait_s,
        limits=limits,
    )
