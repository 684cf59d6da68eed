"""The vendor's signing keys: Ed25519, one file each, sealed under a passphrase by Argon2id.

A key file is JSON: the name, the public key, and a `SealedRoot` document of `secure_compute` that
holds the 32-byte seed. Files of the root belong on separate media, held by separate people.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from installer.vendor.errors import VendorFolderTaken, VendorKeyUnusable, VendorPassphraseWeak
from secure_compute.canonical import canonical_bytes
from secure_compute.errors import SecureComputeError, WrongSecret
from secure_compute.sealed_root import Argon2Cost, Opener, SealedRoot, open_root, seal_root
from secure_compute.secret import Secret

MIN_PASSPHRASE: Final = 8
SUFFIX: Final = ".key.json"
FORMAT: Final = "wardbox-vendor-key-v2"
COST: Final = Argon2Cost()
_MAX_FILE: Final = 16_384
Passphrase = Callable[[str], str]
"""Gives the passphrase of the key of a name."""


class KeyFolder:
    """Key files in one folder.

    Args:
        folder: Where they lie; made with mode 0700.
        passphrase: Asked once per key.
        cost: Of making a key out of a passphrase.
    """

    def __init__(self, folder: Path, passphrase: Passphrase, cost: Argon2Cost = COST) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._cost = cost

    def create(self, name: str) -> CryptoSigner:
        """Make a key.

        Raises:
            VendorPassphraseWeak: The passphrase is too short.
            VendorFolderTaken: There is a key of this name.
        """
        text = self._passphrase(name)
        if len(text) < MIN_PASSPHRASE:
            raise VendorPassphraseWeak(minimum=MIN_PASSPHRASE)
        with Secret.random(32) as seed:
            signer = _signer(seed)
            sealed = seal_root(seed, Opener.passphrase(text), self._cost)
        document = {
            "format": FORMAT,
            "name": name,
            "public": signer.public_key.keyval["public"],
            "key_id": signer.public_key.keyid,
            "sealed": json.loads(sealed.to_bytes()),
        }
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{name}{SUFFIX}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise VendorFolderTaken(folder=path) from error
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        return signer

    def open(self, name: str) -> CryptoSigner:
        """Open a key. Raises VendorKeyUnusable."""
        return open_key(self._folder / f"{name}{SUFFIX}", self._passphrase)


def open_key(path: Path, passphrase: Passphrase) -> CryptoSigner:
    """Open a key file, wherever it lies.

    Raises:
        VendorKeyUnusable: It is missing, damaged, or sealed with another passphrase.
    """
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.read(_MAX_FILE))
        sealed = SealedRoot.parse(canonical_bytes(document["sealed"]))
        name, public, known = document["name"], document["public"], document["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError, SecureComputeError) as error:
        raise _unusable(path, "缺失或损坏", "it is missing or damaged") from error
    try:
        with open_root(sealed, Opener.passphrase(passphrase(str(name)))) as seed:
            signer = _signer(seed)
    except WrongSecret as error:
        raise _unusable(path, "口令不正确", "the passphrase is wrong") from error
    if not known or signer.public_key.keyval["public"] != public:
        raise _unusable(path, "内容不一致", "its parts do not belong together")
    return signer


def _signer(seed: Secret) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed.reveal()))


def _unusable(path: Path, zh: str, en: str) -> VendorKeyUnusable:
    return VendorKeyUnusable(path=path, reason_zh=zh, reason_en=en)
