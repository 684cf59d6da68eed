"""C2SP signed notes and log checkpoints: write, parse strictly, sign, verify, cosign."""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from secure_compute.errors import NoteMalformed, SignatureInvalid
from secure_compute.merkle import HASH_SIZE
from secure_compute.signing import SigningKey, VerifyKey

MAX_NOTE: Final = 1 << 20
MAX_SIGNATURES: Final = 64
ED25519_TYPE: Final = 0x01
COSIGNATURE_TYPE: Final = 0x04

_DASH: Final = "\u2014 "
_ED25519_SIZE: Final = 32
_KEY_ID_SIZE: Final = 4
_COSIGNATURE_SIZE: Final = 8 + 64
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME: Final = re.compile(r"[^\s+]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_VKEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, 4-byte key id, signature bytes (algorithm-specific)."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line as it stands in the note, newline included."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and the signatures under it. Trust it after `verify_note`."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """The note as a file."""
        return f"{self.text}\n{''.join(s.line for s in self.signatures)}".encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signed note.

        Raises:
            NoteMalformed: It breaks the format, or is larger than `MAX_NOTE`.
        """
        text, mark, tail = _decode(data).rpartition("\n\n")
        if not mark or not tail.endswith("\n"):
            raise NoteMalformed(
                reason="no blank line before the signatures, or no newline at the end"
            )
        lines = tail[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise NoteMalformed(reason="it has more than {count} signatures", count=MAX_SIGNATURES)
        return cls(text + "\n", tuple(_parse_line(line) for line in lines))


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A named key as notes know it (a "vkey").

    Attributes:
        name: Key name without spaces or plus signs; a log's name equals its origin.
        key: The public key.
        kind: Signature type byte: 0x01 for a log, 0x04 for a witness that cosigns.
    """

    name: str
    key: VerifyKey
    kind: int = ED25519_TYPE

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or _CONTROL.search(self.name):
            raise NoteMalformed(reason="a key name is empty or holds a space or a plus sign")

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name, newline, type, public key)."""
        return sha256(self.name.encode() + b"\n" + self._typed).digest()[:_KEY_ID_SIZE]

    @property
    def vkey(self) -> str:
        """`name+hex(key id)+base64(type, public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self._typed).decode()}"

    @property
    def _typed(self) -> bytes:
        return bytes([self.kind]) + self.key.public

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a verifier key line (surrounding space is ignored).

        Raises:
            NoteMalformed: It breaks the format, its id does not match, or it is not Ed25519.
        """
        match = _VKEY.fullmatch(vkey.strip())
        if match is None:
            raise NoteMalformed(reason="a verifier key reads name+hex+base64")
        name, key_id, typed = match.group(1), match.group(2), _base64(match.group(3))
        if typed[:1] not in {b"\x01", b"\x04"} or len(typed) != 1 + _ED25519_SIZE:
            raise NoteMalformed(reason="the verifier key is not an Ed25519 key")
        found = cls(name, VerifyKey(typed[1:]), typed[0])
        if found.key_id.hex() != key_id:
            raise NoteMalformed(reason="the verifier key does not match its own id")
        return found

    def check(self, text: str, signature: NoteSignature) -> None:
        """Check one signature of this key; SignatureInvalid when it fails."""
        if self.kind == COSIGNATURE_TYPE:
            stamp = Cosignature.parse(signature)
            self.key.verify(stamp.signature, stamp.message(text))
        else:
            self.key.verify(signature.signature, text.encode())


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's timestamped signature (cosignature/v1); timestamp in POSIX seconds."""

    timestamp: int
    signature: bytes

    @classmethod
    def parse(cls, line: NoteSignature) -> Self:
        """Take apart the signature of a witness; NoteMalformed when it has the wrong length."""
        stamp = int.from_bytes(line.signature[:8], "big")
        if len(line.signature) != _COSIGNATURE_SIZE or stamp >= 1 << 63:
            raise NoteMalformed(
                reason="the cosignature of {name} has the wrong length or time", name=line.name
            )
        return cls(stamp, line.signature[8:])

    def message(self, text: str) -> bytes:
        """What the witness signed."""
        return f"cosignature/v1\ntime {self.timestamp}\n{text}".encode()


def sign_note(text: str, name: str, key: SigningKey, also: Iterable[NoteSignature] = ()) -> Note:
    """Sign a text as a note.

    Args:
        text: Ends in a newline; no control characters.
        name: Key name.
        key: An Ed25519 key.
        also: Signatures that are already there.

    Raises:
        NoteMalformed: The text or the name breaks the format.
    """
    if not text.endswith("\n") or _CONTROL.search(text):
        raise NoteMalformed(reason="the text must end in a newline and hold no control characters")
    line = NoteSignature(name, NoteKey(name, key.verify_key).key_id, key.sign(text.encode()))
    return Note(text, (*also, line))


def cosign_note(note: Note, name: str, key: SigningKey, timestamp: int) -> Note:
    """Add a witness's cosignature; the caller has verified the checkpoint and its consistency."""
    message = Cosignature(timestamp, b"").message(note.text)
    stamped = timestamp.to_bytes(8, "big") + key.sign(message)
    line = NoteSignature(name, NoteKey(name, key.verify_key, COSIGNATURE_TYPE).key_id, stamped)
    return Note(note.text, (*note.signatures, line))


def verify_note(note: Note, keys: Iterable[NoteKey]) -> tuple[NoteKey, ...]:
    """Check a note against trusted keys; signatures by other keys are ignored.

    Returns:
        The keys whose signatures hold, at least one.

    Raises:
        SignatureInvalid: A trusted key's signature fails, or no trusted key signed.
    """
    trusted = {(key.name, key.key_id): key for key in keys}
    held: dict[tuple[str, bytes], NoteKey] = {}
    for line in note.signatures:
        key = trusted.get((line.name, line.key_id))
        if key is not None:
            key.check(note.text, line)
            held[line.name, line.key_id] = key
    if not held:
        raise SignatureInvalid(reason="no trusted key signed this note")
    return tuple(held.values())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's tree head (C2SP tlog-checkpoint).

    Attributes:
        origin: Name of the log.
        size: Leaves in the tree.
        root: 32-byte root hash.
        extensions: Further lines; normally none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if any(not line or "\n" in line or _CONTROL.search(line) for line in lines):
            raise NoteMalformed(reason="a checkpoint line is empty or holds control characters")
        if not 0 <= self.size < 1 << 63 or len(self.root) != HASH_SIZE:
            raise NoteMalformed(reason="the checkpoint's size or root is out of range")

    @property
    def text(self) -> str:
        """The note text."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note text; NoteMalformed unless it is exactly what `text` writes."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1]:  # noqa: PLR2004  # three lines and the end
            raise NoteMalformed(reason="a checkpoint has three lines: origin, size, root")
        origin, size, root, *extensions = lines[:-1]
        if not _SIZE.fullmatch(size):
            raise NoteMalformed(reason="the tree size is not a plain decimal number")
        return cls(origin, int(size), _base64(root), tuple(extensions))

    def sign(self, key: SigningKey) -> Note:
        """The signed checkpoint, under the origin as key name."""
        return sign_note(self.text, self.origin, key)


def verify_checkpoint(data: bytes, key: NoteKey) -> Checkpoint:
    """Parse and verify a signed checkpoint of one log.

    Raises:
        NoteMalformed: It breaks the format.
        SignatureInvalid: The log's key did not sign it, or it is another log's.
    """
    note = Note.parse(data)
    verify_note(note, [key])
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != key.name:
        raise SignatureInvalid(
            reason="the checkpoint is of {found}, not of {name}",
            found=checkpoint.origin,
            name=key.name,
        )
    return checkpoint


def _decode(data: bytes) -> str:
    if len(data) > MAX_NOTE:
        raise NoteMalformed(reason="it is larger than 1 MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteMalformed(reason="it is not UTF-8") from error
    if _CONTROL.search(text):
        raise NoteMalformed(reason="it holds control characters")
    return text


def _parse_line(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _NAME.fullmatch(name):
        raise NoteMalformed(reason="a signature line is not: dash, key name, base64")
    raw = _base64(encoded)
    if len(raw) <= _KEY_ID_SIZE:
        raise NoteMalformed(reason="a signature is too short")
    return NoteSignature(name, raw[:_KEY_ID_SIZE], raw[_KEY_ID_SIZE:])


def _base64(text: str) -> bytes:
    try:
        raw = b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteMalformed(reason="a base64 value is malformed") from error
    if (
        b64encode(raw).decode() != text
    ):  # spare bits or padding that another encoder would not write
        raise NoteMalformed(reason="a base64 value is not in its one canonical form")
    return raw
