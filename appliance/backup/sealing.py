"""The secrets of one backup, and how its objects are named, sealed and opened with them."""

import hmac
import struct
from dataclasses import dataclass, field
from hashlib import sha256
from os import urandom
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.backup.errors import BackupDamaged

ID_SIZE: Final = 32
SALT_SIZE: Final = 32
TAG_SIZE: Final = 16
Content = bytes | bytearray | memoryview
ALGORITHM: Final = "aes-256-gcm"

_MAGIC: Final = b"WBO\x01"
"""Format 1 is AES-256-GCM under a key of its own for each object."""
HEAD_SIZE: Final = len(_MAGIC) + SALT_SIZE
_COUNTER: Final = struct.Struct(">IQ")


@dataclass(frozen=True, slots=True)
class RepositoryKeys:
    """What opens one backup, whole; it lies in `keys.age`, encrypted to the backup keys.

    Args:
        repository: id of the backup, 32 hexadecimal digits.
        data: 32 bytes; every object's own key is derived from it.
        names: 32 bytes; names are keyed hashes, so that no name tells of known content.
    """

    repository: str
    data: bytes = field(repr=False)
    names: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> "RepositoryKeys":
        """Keys of a new backup."""
        return cls(urandom(16).hex(), urandom(32), urandom(32))

    def chunk_id(self, plain: Content) -> bytes:
        """The keyed hash of a chunk: HMAC-SHA256 over its SHA-256.

        The inner hash is where the time goes, and it leaves the interpreter to other threads.
        """
        return hmac.digest(self.names, b"chunk" + sha256(plain).digest(), "sha256")

    def pack_name(self, salt: bytes, directory: bytes) -> str:
        """The name of a pack, from its salt and its sealed directory: 64 hexadecimal digits.

        The directory authenticates every chunk by its keyed hash, and each chunk has a tag of its
        own: hashing the whole pack once more would tell nothing new.
        """
        return hmac.digest(self.names, b"pack" + salt + directory, "sha256").hex()

    def object_name(self, sealed: bytes | bytearray) -> str:
        """The name of an object, from its sealed bytes: 64 hexadecimal digits."""
        return hmac.digest(self.names, b"object" + sha256(sealed).digest(), "sha256").hex()

    def derive(self, use: str, salt: bytes = b"") -> bytes:
        """A key for a use inside this backup: HKDF-SHA256 of the data key."""
        info = f"wardbox/v1/backup/{use}/{self.repository}".encode()
        return HKDF(SHA256(), 32, salt or None, info).derive(self.data)


class ObjectSealer:
    """Seals the parts of one object under a key that nothing else uses.

    The key comes from a random salt at the object's beginning, so part numbers serve as nonces.

    Args:
        keys: of the backup.
        use: what kind of object; part of the key.
        salt: of an object that exists; a new one when None.
    """

    def __init__(self, keys: RepositoryKeys, use: str, salt: bytes | None = None) -> None:
        self.salt = salt or urandom(SALT_SIZE)
        self._cipher = AESGCM(keys.derive(use, self.salt))

    @property
    def head(self) -> bytes:
        """What the object begins with."""
        return _MAGIC + self.salt

    def seal(self, number: int, plain: bytes, context: bytes) -> bytes:
        """Seal part `number`; each number once."""
        return self._cipher.encrypt(_COUNTER.pack(0, number), plain, context)

    def seal_into(self, number: int, plain: Content, context: bytes, room: memoryview) -> int:
        """Seal part `number` into memory that is there; how many bytes it took.

        Memory that was never touched costs more time than what is done in it.
        """
        size = len(plain) + TAG_SIZE
        return self._cipher.encrypt_into(_COUNTER.pack(0, number), plain, context, room[:size])

    def open(self, number: int, sealed: Content, context: bytes, name: str) -> bytes:
        """Open part `number`. Raises BackupDamaged."""
        try:
            return self._cipher.decrypt(_COUNTER.pack(0, number), sealed, context)
        except InvalidTag:
            raise damaged(name, "内容被改动", "its content was altered") from None

    def open_into(
        self, number: int, sealed: Content, context: bytes, room: memoryview, name: str
    ) -> memoryview:
        """Open part `number` into memory that is there; what it holds then. Raises BackupDamaged."""
        found = room[: max(0, len(sealed) - TAG_SIZE)]
        try:
            self._cipher.decrypt_into(_COUNTER.pack(0, number), sealed, context, found)
        except (InvalidTag, ValueError):
            raise damaged(name, "内容被改动", "its content was altered") from None
        return found


def opener(keys: RepositoryKeys, use: str, sealed: bytes, name: str) -> ObjectSealer:
    """What opens the parts of an object, from its beginning. Raises BackupDamaged."""
    if sealed[: len(_MAGIC)] != _MAGIC or len(sealed) < HEAD_SIZE:
        raise damaged(name, "开头不对", "it does not begin like an object of a backup")
    return ObjectSealer(keys, use, sealed[len(_MAGIC) : HEAD_SIZE])


def seal_document(keys: RepositoryKeys, use: str, plain: bytes, context: bytes = b"") -> bytes:
    """Seal a small document as an object of one part."""
    sealer = ObjectSealer(keys, use)
    return sealer.head + sealer.seal(0, plain, context)


def open_document(
    keys: RepositoryKeys, use: str, sealed: bytes, name: str, context: bytes = b""
) -> bytes:
    """Open what `seal_document` made. Raises BackupDamaged."""
    return opener(keys, use, sealed, name).open(0, sealed[HEAD_SIZE:], context, name)


def damaged(name: str, zh: str, en: str) -> BackupDamaged:
    """The refusal of an object that is not what was written."""
    return BackupDamaged(name=name, reason_zh=zh, reason_en=en)
