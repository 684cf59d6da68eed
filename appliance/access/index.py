"""The live credentials in memory: what every request is checked against, without a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from math import inf

from appliance.access.credentials import HEADER_LENGTH
from appliance.access.grants import Grant
from appliance.access.quota import Count, Quota

# An unknown id is compared with this, so that it costs what a known one costs.
_NOBODY_SALT = b"\x00" * 16
_NOBODY_DIGEST = b"\x00" * 32


@dataclass(slots=True)
class Credential:
    """One live key or session.

    Attributes:
        salt: Salt of the stored hash, 16 bytes.
        digest: SHA-256(salt || secret), 32 bytes.
        grant: What the holder may do.
        expires: Unix time in seconds after which it is dead; infinity for never.
        idle_s: Longest pause between two uses in seconds; infinity for keys.
        seen: Unix time of the last use (sessions), in seconds.
        quota: The key's rate limits, or None.
    """

    salt: bytes
    digest: bytes
    grant: Grant
    expires: float = inf
    idle_s: float = inf
    seen: float = 0.0
    quota: Quota | None = None


class CredentialIndex:
    """Live credentials by id; the key of the table is the full id, and the full hash is compared.

    Reads need no lock: each is one dictionary look-up. Writes replace whole entries.
    """

    def __init__(self) -> None:
        self.live: dict[str, Credential] = {}
        """Read by the gate for every request; changed by the methods below alone."""

    def put(self, identity: str, credential: Credential) -> None:
        """Make a credential live from now on."""
        self.live[identity] = credential

    def drop(self, identity: str) -> bool:
        """Make a credential dead from now on; False when it was not live."""
        return self.live.pop(identity, None) is not None

    def drop_actor(self, actor: str) -> None:
        """Make every credential that acts as `actor` dead."""
        for identity, credential in tuple(self.live.items()):
            if credential.grant.actor == actor:
                self.live.pop(identity, None)

    def forget(self, before: float) -> None:
        """Drop what expired before `before`, Unix seconds; a check refuses it long before."""
        for identity, credential in tuple(self.live.items()):
            if credential.expires < before:
                self.live.pop(identity, None)

    def of_actor(self, actor: str) -> list[str]:
        """Return the ids of the live credentials that act as `actor`."""
        live = tuple(self.live.items())
        return [identity for identity, credential in live if credential.grant.actor == actor]

    def actors(self) -> frozenset[str]:
        """Return everybody as whom a live credential acts."""
        return frozenset(credential.grant.actor for credential in tuple(self.live.values()))

    def get(self, identity: str) -> Credential | None:
        """Return a live credential by id."""
        return self.live.get(identity)

    def seen_since(self, since: float) -> list[tuple[str, float]]:
        """Return (id, last use) of the sessions used after `since`."""
        return [
            (identity, credential.seen)
            for identity, credential in tuple(self.live.items())
            if credential.idle_s != inf and credential.seen > since
        ]

    def take_counts(self, now: float) -> list[tuple[str, Count]]:
        """Return (id, count) of the calendar quotas that changed since the last call."""
        return [
            (identity, count)
            for identity, credential in tuple(self.live.items())
            if credential.quota is not None
            for count in credential.quota.take_counts(now)
        ]

    def recount(self, counts: Iterable[tuple[str, Count]]) -> None:
        """Have counts handed over again that could not be stored."""
        for identity in {identity for identity, _ in counts}:
            credential = self.live.get(identity)
            if credential is not None and credential.quota is not None:
                credential.quota.recount()

    def check(self, authorization: str | None, now: float) -> Credential | None:
        """Return the credential behind an Authorization header, or None for any reason at all.

        One reason less to tell apart from outside: malformed, unknown, wrong, expired and revoked
        all return None, after the same work where a secret could be guessed.
        """
        # Written out rather than calling split_header and hash_secret: this runs for every request.
        if (
            authorization is None
            or len(authorization) != HEADER_LENGTH
            or not authorization.isascii()
            or (authorization[:7] != "Bearer " and authorization[:7].lower() != "bearer ")
            or authorization[27] != "."
        ):
            return None
        secret = authorization[28:].encode()
        identity = authorization[7:27]
        credential = self.live.get(identity)
        if credential is None:
            compare_digest(sha256(_NOBODY_SALT + secret).digest(), _NOBODY_DIGEST)
            return None
        if not compare_digest(sha256(credential.salt + secret).digest(), credential.digest):
            return None
        if now >= credential.expires:
            return None
        if credential.idle_s != inf:
            if now - credential.seen > credential.idle_s:
                return None
            credential.seen = now
        return credential
