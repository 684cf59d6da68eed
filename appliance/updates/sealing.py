"""Stored chunks of a package that is licensed to one box: AES-256-GCM under a key of the package.

Form: nonce (12 bytes), ciphertext, tag (16). The nonce is an HMAC of what is sealed, so that building a
bundle again gives the same bytes, and two contents never share one.
"""

import hmac
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY: Final = 32
_NONCE: Final = 12
_TAG: Final = 16
OVERHEAD: Final = _NONCE + _TAG
"""Bytes that a sealed chunk is longer than what is in it."""
_CONTEXT: Final = b"wardbox/v1/package-chunk"

Content = bytes | bytearray | memoryview


def seal(key: bytes, content: Content) -> bytes:
    """Seal a stored chunk.

    Args:
        key: 32 bytes, of this package alone.
        content: What is stored of the chunk.
    """
    # Not the key itself: one key for two algorithms is one use too many.
    own = hmac.digest(key, b"wardbox/v1/package-nonce", sha256)
    nonce = hmac.digest(own, bytes(content), sha256)[:_NONCE]
    return nonce + AESGCM(key).encrypt(nonce, content, _CONTEXT)


def unseal(key: bytes, stored: Content) -> bytes:
    """Open a sealed chunk.

    Raises:
        ValueError: It is none, or another key's.
    """
    if len(stored) < OVERHEAD:
        raise ValueError("too short")
    try:
        return AESGCM(key).decrypt(bytes(stored[:_NONCE]), stored[_NONCE:], _CONTEXT)
    except InvalidTag as error:
        raise ValueError("another key") from error
