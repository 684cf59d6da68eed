"""The keys of one box: derived from the root key by use, or random and wrapped under it."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, Final, Self

from secure_compute.envelope import Sealed, seal, unseal_key
from secure_compute.errors import KeyMalformed, SealBroken
from secure_compute.secret import Secret
from secure_compute.suites import AES_256_GCM, INTERNATIONAL, Suite, expand

ROOT_SIZE: Final = 32

_USE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}", re.ASCII)
_FIELDS: Final = {"use", "version", "sealed"}
_MAX_VERSION: Final = 2**31
_MAX_TEXT: Final = 4096


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A random key, sealed under the root key. Public: it may lie on any disk.

    Attributes:
        use: What the key is for, for example `db` or `audit-signing`.
        version: Counts up when the key itself is replaced.
        sealed: The key, sealed with use and version as context.
    """

    use: str
    version: int
    sealed: Sealed

    @property
    def key_id(self) -> str:
        """`use/version`: how envelopes name the key inside."""
        return f"{self.use}/{self.version}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `parse` reads it."""
        text = b64encode(self.sealed.to_bytes()).decode()
        return {"use": self.use, "version": self.version, "sealed": text}

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a JSON object.

        Raises:
            KeyMalformed: It is not one that `to_json` writes.
            SealMalformed: The sealed part breaks its format.
        """
        if not isinstance(value, dict) or value.keys() != _FIELDS:
            raise KeyMalformed(reason="a wrapped key has the fields use, version, sealed")
        use, version, text = value["use"], value["version"], value["sealed"]
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise KeyMalformed(reason="a wrapped key is not text")
        _check(use, version)
        try:
            return cls(use, version, Sealed.parse(b64decode(text.encode(), validate=True)))
        except (Base64Error, ValueError) as error:
            raise KeyMalformed(reason="a wrapped key is not base64") from error


class Keyring:
    """Everything that the root key opens.

    Derived keys change with the root key, so they serve what can be made again; whatever must
    outlive a rotation of the root (databases, files, signing seeds) is a random wrapped key.
    """

    __slots__ = ("_keks", "_root", "root_id", "suite")

    def __init__(self, root: Secret, suite: Suite = INTERNATIONAL) -> None:
        """Take over the root key.

        Args:
            root: 32 random bytes.
            suite: What new keys are wrapped with; both suites are opened.

        Raises:
            KeyMalformed: It has another length.
        """
        if len(root) != ROOT_SIZE:
            raise KeyMalformed(reason="the key has {size} bytes", size=len(root))
        self._root = root
        self.suite: Final = suite
        self._keks = {AES_256_GCM: self.derive("wrap")}
        self.root_id: Final = root_id(root)

    @property
    def root(self) -> Secret:
        """The root key itself, for whoever seals it to a slot; it stays the keyring's."""
        return self._root

    def derive(self, use: str, size: int = 32) -> Secret:
        """The key for a use: HKDF-SHA256 of the root key with info `wardbox/v1/<use>`.

        Args:
            use: 1-63 lower-case letters, digits, dots and dashes.
            size: Bytes wanted.

        Raises:
            KeyMalformed: The use has another shape.
        """
        _check(use, 1)
        return _expand(self._root, use, size)

    def new_key(self, use: str, version: int = 1, size: int = 32) -> tuple[WrappedKey, Secret]:
        """A fresh random key, wrapped for keeping and open for using."""
        key = Secret.random(size)
        return self.wrap(key, use, version), key

    def wrap(self, key: Secret, use: str, version: int = 1) -> WrappedKey:
        """Wrap a key that exists already."""
        _check(use, version)
        algorithm = self.suite.aead
        sealed = seal(key.view(), self._kek(algorithm), self.root_id, _aad(use, version), algorithm)
        return WrappedKey(use, version, sealed)

    def unwrap(self, wrapped: WrappedKey) -> Secret:
        """Open a wrapped key.

        Raises:
            SealBroken: It was wrapped under another root key, or altered.
        """
        if wrapped.sealed.key_id != self.root_id:
            raise SealBroken
        key = self._kek(wrapped.sealed.algorithm)
        return unseal_key(wrapped.sealed, key, _aad(wrapped.use, wrapped.version))

    def rewrap(self, wrapped: WrappedKey, under: "Keyring") -> WrappedKey:
        """The same key wrapped under a new root key: how the root is rotated."""
        with self.unwrap(wrapped) as key:
            return under.wrap(key, wrapped.use, wrapped.version)

    def escrow(self, key: Secret, key_id: str, aad: bytes = b"") -> Sealed:
        """The root key itself, sealed under another key: for a backup that outlives this machine."""
        return seal(self._root.reveal(), key, key_id, aad)

    def wipe(self) -> None:
        """Forget the root key and what was derived from it to wrap others."""
        self._root.wipe()
        for key in self._keks.values():
            key.wipe()

    def _kek(self, algorithm: str) -> Secret:
        if algorithm not in self._keks:
            self._keks[algorithm] = expand(algorithm, self._root, 32, b"wardbox/v1/wrap")
        return self._keks[algorithm]


def root_id(root: Secret) -> str:
    """A public name for a root key: 32 hexadecimal digits derived from it."""
    with _expand(root, "root-id", 16) as value:
        return value.reveal().hex()


def _expand(root: Secret, use: str, size: int) -> Secret:
    return expand(AES_256_GCM, root, size, f"wardbox/v1/{use}".encode())


def _aad(use: str, version: int) -> bytes:
    return f"wardbox/v1/wrapped/{use}/{version}".encode()


def _check(use: object, version: object) -> None:
    if not isinstance(use, str) or not _USE.fullmatch(use):
        raise KeyMalformed(reason="a use has 1-63 lower-case letters, digits, dots and dashes")
    if type(version) is not int or not 1 <= version < _MAX_VERSION:
        raise KeyMalformed(reason="a key version counts from 1")
