"""The vendor's signing keys: Ed25519, one per role, sealed by a passphrase on disk.

A key file is JSON: scrypt parameters (RFC 7914) and the 32-byte seed under AES-256-GCM with the
role's name as associated data. The three root keys belong on three media; they are used twice in
a year and never where bundles are built.
"""

import base64
import json
import secrets
from hashlib import scrypt
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from installer.vendor.errors import VendorKeysExist, VendorKeysUnusable, VendorPassphraseWeak

ROOT_ROLES: Final = ("root-1", "root-2", "root-3")
ONLINE_ROLES: Final = ("targets", "models", "snapshot", "timestamp")
MIN_PASSPHRASE: Final = 12
FORMAT: Final = "wardbox-vendor-key-v1"
_N, _R, _P = 1 << 15, 8, 1
_MEMORY: Final = 64 << 20
_MAX_FILE: Final = 4096


class KeyFolder:
    """A folder with one sealed key file per role."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, passphrase: str) -> dict[str, CryptoSigner]:
        """Make every key. Raises VendorKeysExist or VendorPassphraseWeak."""
        if len(passphrase) < MIN_PASSPHRASE:
            raise VendorPassphraseWeak(minimum=MIN_PASSPHRASE)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._folder.glob("*.key")):
            raise VendorKeysExist(folder=self._folder)
        signers = {}
        for role in (*ROOT_ROLES, *ONLINE_ROLES):
            seed = secrets.token_bytes(32)
            path = self._folder / f"{role}.key"
            path.touch(mode=0o600)
            path.write_bytes(_sealed(role, seed, passphrase))
            signers[role] = _signer(seed)
        return signers

    def open(self, role: str, passphrase: str) -> CryptoSigner:
        """Return a role's signer. Raises VendorKeysUnusable."""
        path = self._folder / f"{role}.key"
        try:
            with path.open("rb") as stream:
                document = json.loads(stream.read(_MAX_FILE))
            known = (document["format"], document["role"]) == (FORMAT, role)
            sealed = [base64.b64decode(document[name]) for name in ("salt", "nonce", "key")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VendorKeysUnusable(
                reason_zh=f"{path} 缺失或损坏", reason_en=f"{path} is missing or damaged"
            ) from error
        salt, nonce, ciphertext = sealed
        if not known:
            raise VendorKeysUnusable(
                reason_zh=f"{path} 不是 {role} 的密钥", reason_en=f"{path} is no key of {role}"
            )
        try:
            seed = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, ciphertext, role.encode())
        except (InvalidTag, ValueError) as error:
            raise VendorKeysUnusable(
                reason_zh="口令不正确", reason_en="the passphrase is wrong"
            ) from error
        return _signer(seed)


def _sealed(role: str, seed: bytes, passphrase: str) -> bytes:
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    ciphertext = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, seed, role.encode())
    document: dict[str, Any] = {"format": FORMAT, "role": role, "kdf": f"scrypt-{_N}-{_R}-{_P}"}
    for name, value in (("salt", salt), ("nonce", nonce), ("key", ciphertext)):
        document[name] = base64.b64encode(value).decode()
    return json.dumps(document, indent=1).encode() + b"\n"


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return scrypt(passphrase.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=32)


def _signer(seed: bytes) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))
