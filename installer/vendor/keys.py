"""The vendor's signing keys: Ed25519, one file each, sealed under a passphrase by Argon2id.

A key file is JSON: the name, the public key, and a `SealedRoot` document of `secure_compute` that
holds the 32-byte seed. Files of the root belong on separate media, held by separate people.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from appliance.updates.shape import key_identity
from installer.vendor.errors import (
    VendorArgumentRefused,
    VendorFolderTaken,
    VendorKeyUnusable,
    VendorPassphraseWeak,
)
from secure_compute.canonical import canonical_bytes
from secure_compute.errors import SecureComputeError, WrongSecret
from secure_compute.sealed_root import Argon2Cost, Opener, SealedRoot, open_root, seal_root
from secure_compute.secret import Secret

MIN_PASSPHRASE: Final = 8
SUFFIX: Final = ".key.json"
FORMAT: Final = "wardbox-vendor-key-v2"
COST: Final = Argon2Cost()
_MAX_FILE: Final = 16_384
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
Passphrase = Callable[[str], str]
"""Gives the passphrase of the key of a name."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a key file says without its passphrase.

    Attributes:
        name: Of the key.
        key_id: Its id in metadata.
        path: The file.
    """

    name: str
    key_id: str
    path: Path


class KeyFolder:
    """Key files in one folder.

    Args:
        folder: Where they lie; made with mode 0700.
        passphrase: Asked once per key.
        cost: Of making a key out of a passphrase; None: what a vendor's keys are worth.
    """

    def __init__(
        self, folder: Path, passphrase: Passphrase, cost: Argon2Cost | None = None
    ) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._cost = COST if cost is None else cost

    def elsewhere(self, folder: Path) -> "KeyFolder":
        """Keys in another folder, as on a medium of their own."""
        return KeyFolder(folder, self._passphrase, self._cost)

    def list(self) -> tuple[KeyFile, ...]:
        """Return the keys that lie here, by name; no passphrase is asked for.

        Raises:
            VendorKeyUnusable: One is damaged.
        """
        if not self._folder.is_dir():
            return ()
        return tuple(read_key_file(path) for path in sorted(self._folder.glob(f"*{SUFFIX}")))

    def create(self, name: str) -> CryptoSigner:
        """Make a key.

        Raises:
            VendorArgumentRefused: That is no name for a file.
            VendorPassphraseWeak: The passphrase is too short.
            VendorFolderTaken: There is a key of this name.
        """
        if not _NAME.fullmatch(name):
            raise VendorArgumentRefused(
                name=ascii(name)[1:-1][:80],
                reason_zh="只能含小写字母、数字和 -",
                reason_en="a key's name holds small letters, digits and -",
            )
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


def read_key_file(path: Path) -> KeyFile:
    """Read what a key file says openly. Raises VendorKeyUnusable."""
    document = _read(path)
    public = {"keytype": "ed25519", "scheme": "ed25519"}
    identity = key_identity({**public, "keyval": {"public": document["public"]}})
    if identity != document["key_id"]:
        raise _unusable(path, "内容不一致", "its parts do not belong together")
    return KeyFile(str(document["name"]), identity, path)


def open_key(path: Path, passphrase: Passphrase) -> CryptoSigner:
    """Open a key file, wherever it lies.

    Raises:
        VendorKeyUnusable: It is missing, damaged, or sealed with another passphrase.
    """
    document = _read(path)
    try:
        sealed = SealedRoot.parse(canonical_bytes(document["sealed"]))
    except (SecureComputeError, ValueError, TypeError) as error:
        raise _unusable(path, "缺失或损坏", "it is missing or damaged") from error
    name, public = document["name"], document["public"]
    try:
        with open_root(sealed, Opener.passphrase(passphrase(str(name)))) as seed:
            signer = _signer(seed)
    except WrongSecret as error:
        raise _unusable(path, "口令不正确", "the passphrase is wrong") from error
    if signer.public_key.keyval["public"] != public:
        raise _unusable(path, "内容不一致", "its parts do not belong together")
    return signer


def _read(path: Path) -> dict[str, Any]:
    """A key file with every field that is needed. Raises VendorKeyUnusable."""
    try:
        with path.open("rb") as stream:
            document: dict[str, Any] = json.loads(stream.read(_MAX_FILE))
        texts = (document["name"], document["public"], document["key_id"])
        known = document["format"] == FORMAT and isinstance(document["sealed"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path, "缺失或损坏", "it is missing or damaged") from error
    # The name is what a passphrase is asked for or looked up by: nothing but a name.
    if not known or not all(isinstance(one, str) for one in texts) or not _NAME.fullmatch(texts[0]):
        raise _unusable(path, "缺失或损坏", "it is missing or damaged")
    return document


def _signer(seed: Secret) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed.reveal()))


def _unusable(path: Path, zh: str, en: str) -> VendorKeyUnusable:
    return VendorKeyUnusable(path=path, reason_zh=zh, reason_en=en)
