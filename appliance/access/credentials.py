"""Bearer values: how keys and session tokens are minted, read and compared.

A bearer value is `<id>.<secret>`: the id is `wbk_` (key) or `wbs_` (session) and 16 hexadecimal
digits, the secret is 32 random bytes in base64url without padding. The box keeps the id and
SHA-256(salt || secret). The secret has 256 bits of entropy, so a slow hash would add nothing;
people's passwords go through argon2id instead (secure_compute.passwords).
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

KEY_PREFIX: Final = "wbk_"
SESSION_PREFIX: Final = "wbs_"
ID_LENGTH: Final = 20
SECRET_LENGTH: Final = 43
TOKEN_LENGTH: Final = ID_LENGTH + 1 + SECRET_LENGTH
_SCHEME: Final = "bearer "
HEADER_LENGTH: Final = len(_SCHEME) + TOKEN_LENGTH
_SECRET_START: Final = len(_SCHEME) + ID_LENGTH + 1
SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Minted:
    """A new credential: `token` goes to its holder once, `salt` and `digest` stay."""

    id: str
    token: str
    salt: bytes
    digest: bytes


def mint(prefix: str) -> Minted:
    """Make a new credential whose id starts with `prefix`."""
    identity = prefix + secrets.token_hex(8)
    secret = secrets.token_urlsafe(32)
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hash_secret(salt, secret.encode("ascii"))
    return Minted(identity, f"{identity}.{secret}", salt, digest)


def hash_secret(salt: bytes, secret: bytes) -> bytes:
    """Return SHA-256(salt || secret), 32 bytes."""
    return hashlib.sha256(salt + secret).digest()


def split_header(authorization: str | None) -> tuple[str, bytes] | None:
    """Split an Authorization header into id and secret, or return None.

    Every bearer value of this box has one length and is ASCII, so anything else (quotes, NUL,
    megabytes, other scripts) is turned away before it is looked at.
    """
    if (
        authorization is None
        or len(authorization) != HEADER_LENGTH
        or not authorization.isascii()
        or (authorization[:7] != "Bearer " and authorization[:7].lower() != _SCHEME)
        or authorization[_SECRET_START - 1] != "."
    ):
        return None
    return authorization[7 : _SECRET_START - 1], authorization[_SECRET_START:].encode("ascii")


def token_id(token: str) -> str | None:
    """Return the id in a bearer value, or None when it has not the form of one."""
    parts = split_header("Bearer " + token)
    return None if parts is None else parts[0]
