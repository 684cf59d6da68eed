"""The live credentials in memory: what every request is checked against, without a database."""

from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from math import inf

from appliance.access.credentials import split_header
from appliance.access.grants import Grant
from appliance.access.quota import Quota

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
        self._live: dict[str, Credential] = {}

    def put(self, identity: str, credential: Credential) -> None:
        """Make a credential live from now on."""
        self._live[identity] = credential

    def drop(self, identity: str) -> bool:
        """Make a credential dead from now on; False when it was not live."""
        return self._live.pop(identity, None) is not None

    def drop_actor(self, actor: str) -> None:
        """Make every credential that acts as `actor` dead."""
        for identity, credential in tuple(self._live.items()):
            if credential.grant.actor == actor:
                self._live.pop(identity, None)

    def get(self, identity: str) -> Credential | None:
        """Return a live credential by id."""
        return self._live.get(identity)

    def seen_since(self, since: float) -> list[tuple[str, float]]:
        """Return (id, last use) of the sessions used after `since`."""
        return [
            (identity, credential.seen)
            for identity, credential in tuple(self._live.items())
            if credential.idle_s != inf and credential.seen > since
        ]

    def check(self, authorization: str | None, now: float) -> Credential | None:
        """Return the credential behind an Authorization header, or None for any reason at all.

        One reason less to tell apart from outside: malformed, unknown, wrong, expired and revoked
        all return None, after the same work where a secret could be guessed.
        """
        parts = split_header(authorization)
        if parts is None:
            return None
        identity, secret = parts
        credential = self._live.get(identity)
        if credential is None:
            compare_digest(sha256(_NOBODY_SALT + secret).digest(), _NOBODY_DIGEST)
            return None
        # Written out rather than calling hash_secret: this line runs for every request.
        if not compare_digest(sha256(credential.salt + secret).digest(), credential.digest):
            return None
        if now >= credential.expires or now - credential.seen > credential.idle_s:
            self._live.pop(identity, None)
            return None
        if credential.idle_s != inf:
            credential.seen = now
        return credential
