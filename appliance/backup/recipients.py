"""Backup keys in the age format: the box's own identity out of 32 secret bytes, and recipients."""

from typing import Final

from appliance.backup.errors import KeysRefused
from secure_compute.secret import Secret

_SIGNS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_HRP: Final = "age-secret-key-"
MAX_KEYS: Final = 1 << 16


def identity_text(secret: Secret) -> str:
    """The age identity of 32 bytes: Bech32 (BIP 173) under `AGE-SECRET-KEY-`, in capitals."""
    values = _five_bits(secret.reveal())
    expanded = [ord(c) >> 5 for c in _HRP] + [0] + [ord(c) & 31 for c in _HRP]
    residue = _polymod([*expanded, *values, *([0] * 6)]) ^ 1
    checks = [(residue >> 5 * (5 - i)) & 31 for i in range(6)]
    return (_HRP + "1" + "".join(_SIGNS[v] for v in [*values, *checks])).upper()


def recipient_of(secret: Secret) -> str:
    """The public side, `age1...`: what backups are encrypted to."""
    from pyrage import x25519  # noqa: PLC0415  # only this room needs age

    return str(x25519.Identity.from_str(identity_text(secret)).to_public())


def is_recipient(text: str) -> bool:
    """Whether a text is an age X25519 recipient."""
    from pyrage import RecipientError, x25519  # noqa: PLC0415

    try:
        x25519.Recipient.from_str(text)
    except (RecipientError, ValueError):
        return False
    return True


def encrypt_to(plain: bytes, recipients: tuple[str, ...]) -> bytes:
    """An age file that any one of the recipients opens (age-encryption.org/v1)."""
    from pyrage import encrypt, x25519  # noqa: PLC0415

    return bytes(encrypt(plain, [x25519.Recipient.from_str(text) for text in recipients]))


def decrypt_with(sealed: bytes, identity: str, place: str) -> bytes:
    """Open an age file.

    Args:
        sealed: the file.
        identity: `AGE-SECRET-KEY-1...`.
        place: where it lies, for the sentence.

    Raises:
        KeysRefused: it is not for this identity, or was altered.
    """
    from pyrage import DecryptError, IdentityError, decrypt, x25519  # noqa: PLC0415

    try:
        return bytes(decrypt(sealed, [x25519.Identity.from_str(identity.strip())]))
    except (DecryptError, IdentityError, ValueError) as error:
        raise KeysRefused(place=place) from error


def _five_bits(data: bytes) -> list[int]:
    bits = len(data) * 8
    count = -(-bits // 5)
    number = int.from_bytes(data, "big") << (count * 5 - bits)
    return [(number >> 5 * (count - 1 - i)) & 31 for i in range(count)]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            check ^= _GENERATOR[bit] if (top >> bit) & 1 else 0
    return check
