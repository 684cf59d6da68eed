"""Passwords of people (argon2id) and API keys of machines (random, stored as a salted digest)."""

import hmac
import re
import secrets
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from secure_compute.errors import KeyMalformed, PasswordRefused

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 256

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# No 0/o, 1/l/i: what is read from one screen and typed at another must survive the way.
_READABLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4
_GROUP_SIZE: Final = 5

_API_KEY: Final = re.compile(r"([a-z2-7]{12})\.([A-Za-z0-9_-]{43})", re.ASCII)
_API_KEY_SIZE: Final = 56
_ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"


def hash_password(password: str) -> str:
    """Hash a password for storing, as a PHC string that carries its parameters.

    Raises:
        PasswordRefused: Fewer than 8 or more than 256 characters, or not Unicode text.
    """
    data = _encode(password)
    if data is None:
        raise PasswordRefused(
            reason_zh=f"长度须在 {MIN_LENGTH} 到 {MAX_LENGTH} 之间",
            reason=f"it must have {MIN_LENGTH} to {MAX_LENGTH} characters",
        )
    return _HASHER.hash(data)


def verify_password(stored: str | None, password: str) -> bool:
    """Check a password.

    Args:
        stored: What `hash_password` gave; None for a person who does not exist, which costs the same
            time and is always False.
        password: What was typed.
    """
    data = _encode(password)
    try:
        _HASHER.verify(stored or _nobody(), data or b"\x00")
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None and data is not None


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's; ask after a successful check."""
    return _HASHER.check_needs_rehash(stored)


def generate_password() -> str:
    """A random password of four groups of five readable signs: 99 bits."""
    groups = (
        "".join(secrets.choice(_READABLE) for _ in range(_GROUP_SIZE)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """What a box stores of an API key: useless to whoever steals it.

    Attributes:
        key_id: Finds the record; public.
        salt: 16 bytes in hexadecimal.
        digest: SHA-256 of salt and secret, in hexadecimal. A fast hash suffices for 256 random bits.
    """

    key_id: str
    salt: str
    digest: str

    def matches(self, key: "ApiKey") -> bool:
        """Compare id and secret, in constant time for the secret."""
        expected = sha256(bytes.fromhex(self.salt) + key.secret).hexdigest()
        return hmac.compare_digest(expected, self.digest) and self.key_id == key.key_id


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A machine's key: an id that finds it and 32 random bytes that prove it."""

    key_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A fresh key."""
        return cls(
            "".join(secrets.choice(_ID_ALPHABET) for _ in range(12)), secrets.token_bytes(32)
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<id>.<secret>`.

        Raises:
            KeyMalformed: Any other text; one sentence for all of them.
        """
        match = _API_KEY.fullmatch(text) if len(text) == _API_KEY_SIZE else None
        if match is None:
            raise KeyMalformed(reason="an API key reads id.secret")
        key = cls(match.group(1), urlsafe_b64decode(match.group(2) + "="))
        if key.text != text:  # spare bits that another encoder would not write
            raise KeyMalformed(reason="an API key reads id.secret")
        return key

    @property
    def text(self) -> str:
        """The key as it is shown once: 56 characters."""
        return f"{self.key_id}.{urlsafe_b64encode(self.secret).decode().rstrip('=')}"

    def record(self) -> ApiKeyRecord:
        """What to store, with a fresh salt."""
        salt = secrets.token_bytes(16)
        return ApiKeyRecord(self.key_id, salt.hex(), sha256(salt + self.secret).hexdigest())


def _encode(password: str) -> bytes | None:
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return None
    try:
        return unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None


def _nobody() -> str:
    """A hash that no password has, at today's cost."""
    return (
        f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
        "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )
