"""Second factors: one-time codes by RFC 6238 and recovery codes, each good for one sign-in."""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from appliance.access.errors import TotpState, TotpWrong
from appliance.access.factor_store import FactorStore

ISSUER: Final = "WardBox"
RECOVERY_CODES: Final = 10
# RFC 6238, section 5.2: one step back and forth for clocks that differ; RFC 4226 for the length.
STEP_S: Final = 30
_DIGITS: Final = 6
_DRIFT: Final = (0, -1, 1)
_SECRET_BYTES: Final = 20
_SALT_BYTES: Final = 16
# Without signs that look alike; 16 of them hold 79 bits, so that a fast hash is enough.
_SIGNS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person's app needs, shown this once: `uri` as a QR code, or the secret typed in."""

    uri: str
    secret: str


class Factors:
    """The second factors of people."""

    def __init__(self, store: FactorStore) -> None:
        self._store = store

    def enrolled(self, name: str) -> bool:
        """Tell whether a person has confirmed a second factor."""
        factor = self._store.get(name)
        return factor is not None and factor.confirmed is not None

    def begin(self, name: str, now: float) -> Enrolment:
        """Make a new secret, which counts once it is confirmed. Raises TotpState."""
        secret = secrets.token_bytes(_SECRET_BYTES)
        if not self._store.begin(name, secret, now):
            raise TotpState(
                reason_zh="动态口令已绑定", reason_en="one-time codes are set up already"
            )
        uri = _totp(secret).get_provisioning_uri(name, ISSUER)
        return Enrolment(uri, uri.partition("secret=")[2].partition("&")[0])

    def confirm(self, name: str, code: str, now: float) -> list[str]:
        """Confirm by one code; return the recovery codes, shown this once.

        Raises:
            TotpState: There is nothing to confirm.
            TotpWrong: The code is not the right one.
        """
        factor = self._store.get(name)
        if factor is None or factor.confirmed is not None:
            raise TotpState(reason_zh="没有待确认的绑定", reason_en="nothing waits to be confirmed")
        if not self._spend(name, factor.secret, code, now):
            raise TotpWrong
        self._store.confirm(name, now)
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        salted = [(secrets.token_bytes(_SALT_BYTES), code) for code in codes]
        self._store.set_recovery(name, [(salt, _digest(salt, code)) for salt, code in salted])
        return codes

    def check(self, name: str, code: str, now: float) -> str | None:
        """Use up a code; return "totp" or "recovery" by what it was, None when it is wrong.

        A code that was used before, or one older than the last used, is wrong.
        """
        factor = self._store.get(name)
        if factor is None or factor.confirmed is None:
            return None
        if self._spend(name, factor.secret, code, now):
            return "totp"
        return "recovery" if self._spend_recovery(name, code) else None

    def remove(self, name: str) -> bool:
        """Forget a person's second factor; False when they had none."""
        return self._store.remove(name)

    def left(self, name: str) -> int:
        """Return how many recovery codes are left."""
        return len(self._store.recovery(name))

    def _spend(self, name: str, secret: bytes, code: str, now: float) -> bool:
        typed = "".join(code.split())
        if len(typed) != _DIGITS or not (typed.isascii() and typed.isdigit()):
            return False
        totp, here = _totp(secret), int(now) // STEP_S
        # Every step is compared, so that time tells nothing about the clock of the person's app.
        right = [
            here + drift
            for drift in _DRIFT
            if here + drift >= 0
            and hmac.compare_digest(totp.generate((here + drift) * STEP_S), typed.encode())
        ]
        return any(self._store.spend(name, step) for step in right[:1])

    def _spend_recovery(self, name: str, code: str) -> bool:
        typed = "".join(sign for sign in code.casefold() if sign in _SIGNS)
        spent = False
        for salt, digest in self._store.recovery(name):
            if hmac.compare_digest(_digest(salt, typed), digest):
                spent = self._store.spend_recovery(name, digest)
        return spent


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what authenticator apps implement; HMAC does not need it to resist collisions.
    return TOTP(secret, _DIGITS, SHA1(), STEP_S)  # noqa: S303


def _recovery_code() -> str:
    groups = ("".join(secrets.choice(_SIGNS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _digest(salt: bytes, code: str) -> bytes:
    return sha256(salt + code.replace("-", "").encode()).digest()
