"""The root key at rest: one document with a slot for each secret that opens it."""

import unicodedata
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from os import urandom
from types import MappingProxyType
from typing import Any, Final, Self

from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.envelope import Sealed
from secure_compute.errors import (
    KeyMalformed,
    LastSlot,
    NotCanonical,
    SealBroken,
    SealedRootMalformed,
    SealMalformed,
    WrongSecret,
)
from secure_compute.key_file import KeyFile
from secure_compute.keyring import ROOT_SIZE, root_id
from secure_compute.relay import Relay, open_with, public_of, seal_to
from secure_compute.secret import Secret
from secure_compute.slot_kinds import (
    KEY_FILE,
    KINDS,
    MACHINE,
    PASSPHRASE,
    RECOVERY,
    SALT_SIZE,
    check_kdf,
    derive,
    require,
)

FORMAT: Final = "wardbox-sealed-root/1"
MAX_SLOTS: Final = 32

_MAX_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess at a passphrase costs (RFC 9106; its second recommendation, one lane)."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Opener:
    """A secret that opens the root key, and the kind of slot it fits.

    Attributes:
        kind: One of `slot_kinds.KINDS`.
        secret: The bytes: a passphrase, or 256 bits that paper, a TPM, shares or a server gave.
        fields: What a new slot of the kind keeps to find the secret again; not needed to open one.
        file_key: The 256 bits of a key file, beside its passphrase.
    """

    kind: str
    secret: Secret = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)
    file_key: Secret | None = field(default=None, repr=False)

    @classmethod
    def passphrase(cls, text: str) -> Self:
        """A person's passphrase, in Unicode form NFC; WrongSecret for text that cannot be one."""
        try:
            data = unicodedata.normalize("NFC", text).encode()
        except UnicodeEncodeError:
            raise WrongSecret from None
        if not 0 < len(data) <= 1024:  # noqa: PLR2004  # far beyond what a person types
            raise WrongSecret
        return cls(PASSPHRASE, Secret(data))

    @classmethod
    def recovery(cls, key: Secret) -> Self:
        """The recovery key, as `recovery.parse_recovery` gives it."""
        return cls(RECOVERY, _full_entropy(key))

    @classmethod
    def machine(cls, key: Secret) -> Self:
        """32 random bytes that a TPM, a credential store or a key file keeps."""
        return cls(MACHINE, _full_entropy(key))

    @classmethod
    def found(
        cls, kind: str, key: Secret, fields: Mapping[str, str] = MappingProxyType({})
    ) -> Self:
        """32 bytes that a TPM, shares or a key server gave, for a slot of that kind."""
        return cls(kind, _full_entropy(key), fields)

    @classmethod
    def key_file(cls, passphrase: str, file: KeyFile) -> Self:
        """A key file with its passphrase; WrongSecret for text that cannot be one."""
        words = cls.passphrase(passphrase).secret
        return cls(KEY_FILE, words, MappingProxyType({"file": file.name}), file.key)


@dataclass(frozen=True, slots=True)
class Slot:
    """One way to open the root key.

    Attributes:
        slot_id: 16 hexadecimal digits.
        kind: As in `Opener`.
        kdf: Algorithm id, salt (base64) and, for argon2id, the cost.
        sealed: The root key under the derived key, or under what `relay` agrees with it.
        relay: How a new root key reaches the slot without its secret; None in old documents.
    """

    slot_id: str
    kind: str
    kdf: Mapping[str, str | int]
    sealed: Sealed
    relay: Relay | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        value = {"id": self.slot_id, "kdf": dict(self.kdf), "kind": self.kind}
        value["sealed"] = b64encode(self.sealed.to_bytes()).decode()
        if self.relay is not None:
            value["relay"] = self.relay.to_text()
        return value


@dataclass(frozen=True, slots=True)
class SealedRoot:
    """The document: which root key it is, and its slots. Public; any loss of it loses the data."""

    root_id: str
    slots: tuple[Slot, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON, with a digest of itself: a damaged byte is told from a wrong secret."""
        slots = [slot.to_json() for slot in self.slots]
        value = {"format": FORMAT, "root_id": self.root_id, "slots": slots}
        return canonical_bytes(value | {"check": _check(value)})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a document.

        Raises:
            SealedRootMalformed: Anything but what `to_bytes` writes.
            AlgorithmUnknown: It needs an algorithm that this release does not know.
        """
        try:
            require(len(data) <= _MAX_BYTES, "it is too large")
            value = parse_canonical(data)
            fields = {"format", "root_id", "slots"}
            require(isinstance(value, dict), "its fields are others")
            # Documents of older releases have no digest.
            digest = value.pop("check", None)
            require(value.keys() == fields, "its fields are others")
            require(digest is None or digest == _check(value), "it was damaged or edited")
            require(value["format"] == FORMAT, "its format is another")
            require(_is_hex(value["root_id"], 32), "the root id is damaged")
            slots = value["slots"]
            require(isinstance(slots, list) and 0 < len(slots) <= MAX_SLOTS, "it has no slots")
            parsed = tuple(parse_slot(slot) for slot in slots)
            require(len({slot.slot_id for slot in parsed}) == len(parsed), "slot ids repeat")
        except (NotCanonical, SealMalformed, KeyMalformed, Base64Error, ValueError) as error:
            raise SealedRootMalformed(reason="it was damaged or edited") from error
        return cls(value["root_id"], parsed)


def seal_root(root: Secret, opener: Opener, cost: Argon2Cost = Argon2Cost()) -> SealedRoot:
    """A document with one slot for a root key."""
    return add_slot(SealedRoot(root_id(root), ()), root, opener, cost)


def add_slot(
    document: SealedRoot,
    root: Secret,
    opener: Opener,
    cost: Argon2Cost = Argon2Cost(),  # frozen, so sharing the default is harmless
) -> SealedRoot:
    """The document with one more slot.

    Args:
        document: What exists.
        root: The open root key; it must be this document's.
        opener: The secret that shall open it from now on.
        cost: For passphrases.

    Raises:
        WrongSecret: The root key is another document's.
        SealedRootMalformed: All slots are taken, or the cost is out of bounds.
    """
    if root_id(root) != document.root_id:
        raise WrongSecret
    if len(document.slots) == MAX_SLOTS:
        raise SealedRootMalformed(reason="all {count} slots are taken", count=MAX_SLOTS)
    salt = b64encode(urandom(SALT_SIZE)).decode()
    wanted = KINDS[opener.kind]
    kdf: dict[str, str | int] = {"algorithm": wanted.algorithm, "salt": salt, **opener.fields}
    if wanted.costly:
        kdf |= {"memory_kib": cost.memory_kib, "passes": cost.passes, "lanes": cost.lanes}
    check_kdf(opener.kind, kdf)  # never write what would not be read again
    slot_id = urandom(8).hex()
    aad = slot_aad(document.root_id, slot_id, opener.kind, kdf)
    with _derive(opener, kdf) as key:
        relay, sealed = seal_to(public_of(key), root, slot_id, aad)
    slot = Slot(slot_id, opener.kind, MappingProxyType(kdf), sealed, relay)
    return replace(document, slots=(*document.slots, slot))


def remove_slot(document: SealedRoot, slot_id: str) -> SealedRoot:
    """The document without a slot (unchanged when it has none of that id).

    Raises:
        LastSlot: It is the only one.
    """
    left = tuple(slot for slot in document.slots if slot.slot_id != slot_id)
    if not left:
        raise LastSlot
    return replace(document, slots=left)


def open_root(document: SealedRoot, opener: Opener) -> Secret:
    """Open the root key with a secret; raises as `open_slot`."""
    return open_slot(document, opener)[0]


def open_slot(document: SealedRoot, opener: Opener) -> tuple[Secret, Slot]:
    """Open the root key with a secret; which slot it opened.

    Raises:
        WrongSecret: No slot of this kind opens; the same error whether the secret is wrong, such a
            slot is missing, or the slot was altered.
    """
    for slot in document.slots:
        if slot.kind != opener.kind:
            continue
        try:
            with _derive(opener, slot.kdf) as key:
                aad = slot_aad(document.root_id, slot.slot_id, slot.kind, slot.kdf)
                root = open_with(key, slot.relay, slot.sealed, aad)
        except SealBroken:
            continue
        if len(root) == ROOT_SIZE and root_id(root) == document.root_id:
            return root, slot
    raise WrongSecret


def _derive(opener: Opener, kdf: Mapping[str, Any]) -> Secret:
    return derive(opener.kind, opener.secret, opener.file_key, kdf)


def slot_aad(root: str, slot_id: str, kind: str, kdf: Mapping[str, Any]) -> bytes:
    """What is bound to the envelopes of a slot: root id, slot id, kind and key derivation."""
    return canonical_bytes({"id": slot_id, "kdf": dict(kdf), "kind": kind, "root_id": root})


def parse_slot(value: Any) -> Slot:
    """Read one slot of a document; raises as `SealedRoot.parse` does, and ValueError for bad base64."""
    fields = {"id", "kdf", "kind", "sealed"}
    require(isinstance(value, dict), "a slot has other fields")
    require(value.keys() - {"relay"} == fields, "a slot has other fields")
    kind, kdf, sealed = value["kind"], value["kdf"], value["sealed"]
    require(_is_hex(value["id"], 16) and isinstance(sealed, str), "a slot is damaged")
    check_kdf(str(kind), kdf)
    parsed = Sealed.parse(b64decode(sealed, validate=True))
    relay = Relay.parse(value["relay"]) if "relay" in value else None
    return Slot(value["id"], kind, MappingProxyType(kdf), parsed, relay)


def _check(value: Mapping[str, Any]) -> str:
    return sha256(canonical_bytes(value)).hexdigest()


def _full_entropy(key: Secret) -> Secret:
    if len(key) != 32:  # noqa: PLR2004  # 256 bits
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
    return key


def _is_hex(value: object, size: int) -> bool:
    return (
        isinstance(value, str) and len(value) == size and not set(value) - set("0123456789abcdef")
    )
