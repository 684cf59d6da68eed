"""Sealing of files in chunks of 1 MiB; truncation, reordering and splicing are detected."""

import hmac
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag

from secure_compute.envelope import TAG_SIZE, header_bytes, read_header
from secure_compute.errors import KeyMalformed, SealBroken, SealMalformed
from secure_compute.secret import Secret
from secure_compute.suites import AES_256_GCM, KEY_SIZE, Aead, cipher, expand

CHUNK: Final = 1 << 20

_MAGIC: Final = b"WBS\x01"
_SALT_SIZE: Final = 32
_COMMITMENT_SIZE: Final = 32
_PREFIX_SIZE: Final = 7
_MAX_CHUNKS: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What opens a sealed stream.

    Attributes:
        key: 32 bytes; any number of streams may share it.
        key_id: Name of the key, written into the header.
        aad: Context that must be the same when opening; not stored.
        algorithm: What new streams are sealed with; a reader takes it from the header.
    """

    key: Secret
    key_id: str
    aad: bytes = b""
    algorithm: str = AES_256_GCM


class SealedWriter:
    """Seals what is written to it, piece by piece; without `finish` it is a cut stream, which never opens.

    Each stream has a key of its own, derived by HKDF (SHA-256 or SM3) from a random salt, the header
    and the context. Chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015): the
    nonce is a derived prefix (7 bytes), the chunk number (4) and a byte that is 1 on the last chunk.

    Args:
        target: takes the sealed bytes; it stays the caller's to close.
        key: what seals it; it may be wiped as soon as this is made.
    """

    def __init__(self, target: BinaryIO, key: StreamKey) -> None:
        header = header_bytes(_MAGIC, key.algorithm, key.key_id) + os.urandom(_SALT_SIZE)
        self._sealer, self._prefix, commitment = _derive(key, header, key.algorithm)
        self._target = target
        self._waiting: list[bytes] = []
        self._held = 0
        self._number = 0
        self._total = 0
        target.write(header + commitment)

    def write(self, piece: bytes) -> None:
        """Take more plaintext. Raises SealMalformed beyond 4 PiB."""
        self._total += len(piece)
        self._held += len(piece)
        self._waiting.append(piece)
        # The last chunk is marked, so a full one waits until something follows it.
        if self._held > CHUNK:
            self._drain()

    def finish(self) -> int:
        """Seal what is left, and return how many bytes of plaintext there were."""
        self._seal(b"".join(self._waiting), last=True)
        self._waiting.clear()
        return self._total

    def _drain(self) -> None:
        whole, at = b"".join(self._waiting), 0
        with memoryview(whole) as view:
            while len(whole) - at > CHUNK:
                self._seal(view[at : at + CHUNK], last=False)
                at += CHUNK
        self._waiting = [whole[at:]]
        self._held = len(whole) - at

    def _seal(self, chunk: bytes | memoryview, *, last: bool) -> None:
        if self._number == _MAX_CHUNKS:
            raise SealMalformed(reason="it is longer than 4 PiB")
        nonce = nonce_of(self._prefix, self._number, last=last)
        self._target.write(self._sealer.encrypt(nonce, chunk, None))
        self._number += 1


def seal_stream(source: BinaryIO, target: BinaryIO, key: StreamKey) -> int:
    """Seal everything that is left in `source` into `target`, as `SealedWriter` does.

    Returns:
        Plaintext bytes sealed.
    """
    writer = SealedWriter(target, key)
    while piece := source.read(CHUNK):
        writer.write(piece)
    return writer.finish()


def unseal_stream(source: BinaryIO, target: BinaryIO, key: StreamKey) -> int:
    """Open a sealed stream.

    Chunks are written as soon as each is authentic, so a cut stream has already written its
    beginning when it is refused: write into a file of no name, or use `unseal_file`.

    Returns:
        Plaintext bytes written.

    Raises:
        SealMalformed: It does not begin like a sealed stream.
        SealBroken: Another key or context; or altered, cut, reordered or lengthened content.
    """
    opener, prefix = open_header(source, key)
    total = 0
    for number, chunk, last in _chunks(source, CHUNK + TAG_SIZE):
        try:
            plain = opener.decrypt(nonce_of(prefix, number, last=last), chunk, None)
        except InvalidTag:
            raise SealBroken from None
        target.write(plain)
        total += len(plain)
    return total


def seal_file(source: Path, target: Path, key: StreamKey) -> int:
    """Seal a file into another, which appears whole and durable or not at all."""
    with source.open("rb") as plain:
        return _into_file(target, lambda sealed: seal_stream(plain, sealed, key))


def unseal_file(source: Path, target: Path, key: StreamKey) -> int:
    """Open a sealed file into another, which appears only once everything proved authentic."""
    with source.open("rb") as sealed:
        return _into_file(target, lambda plain: unseal_stream(sealed, plain, key))


def _into_file(target: Path, write: Callable[[BinaryIO], int]) -> int:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            count = write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


def open_header(source: BinaryIO, key: StreamKey) -> tuple[Aead, bytes]:
    """Read the beginning of a sealed stream: what opens its chunks, and the prefix of their nonces.

    Raises:
        SealMalformed: It does not begin like a sealed stream.
        SealBroken: Another key or context.
    """
    start, algorithm, key_id, at = _beginning(source)
    end = at + _SALT_SIZE
    if len(start) != end + _COMMITMENT_SIZE:
        raise SealMalformed(reason="it is too short")
    opener, prefix, commitment = _derive(key, start[:end], algorithm)
    # The commitment ties the stream to one key: AES-GCM alone can be made to open under two.
    if key_id != key.key_id or not hmac.compare_digest(commitment, start[end:]):
        raise SealBroken
    return opener, prefix


def algorithm_of(source: BinaryIO) -> str:
    """What a sealed stream says that it is sealed with; nothing is proved by it.

    Raises:
        SealMalformed: It does not begin like a sealed stream.
    """
    return _beginning(source)[1]


def _beginning(source: BinaryIO) -> tuple[bytes, str, str, int]:
    """Everything before the chunks; algorithm, key id, and where these end."""
    start = read_full(source, len(_MAGIC) + 1)
    for extra in (1, _SALT_SIZE + _COMMITMENT_SIZE):  # each id ends where its length byte says
        start += read_full(source, start[-1] + extra) if start else b""
    return start, *read_header(start, _MAGIC)


def _derive(key: StreamKey, header: bytes, algorithm: str) -> tuple[Aead, bytes, bytes]:
    if len(key.key) != KEY_SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key.key))
    info = b"wardbox/v1/stream" + len(header).to_bytes(2, "big") + header + key.aad
    size = KEY_SIZE + _PREFIX_SIZE + _COMMITMENT_SIZE
    with expand(algorithm, key.key, size, info, header[-_SALT_SIZE:]) as okm:
        rest = bytes(okm.view()[KEY_SIZE:])
        with Secret(okm.view()[:KEY_SIZE]) as own:
            return cipher(algorithm, own), rest[:_PREFIX_SIZE], rest[_PREFIX_SIZE:]


def nonce_of(prefix: bytes, number: int, *, last: bool) -> bytes:
    """The nonce of one chunk of a stream."""
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _chunks(source: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Chunks of `size` with their number; the last (perhaps shorter or empty) is marked."""
    number, chunk = 0, read_full(source, size)
    while following := read_full(source, size):
        yield number, chunk, False
        number, chunk = number + 1, following
        if number == _MAX_CHUNKS:
            raise SealMalformed(reason="it is longer than 4 PiB")
    yield number, chunk, True


def read_full(source: BinaryIO, size: int) -> bytes:
    """Read so many bytes, or up to the end."""
    parts, missing = [], size
    while missing and (part := source.read(missing)):  # pipes and sockets give less than asked
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
