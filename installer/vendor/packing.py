"""How a chunk is stored on a stick: as it is, compressed, or as what differs from an older one."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from zstandard import ZstdCompressor

from appliance.updates.deltas import make_delta
from appliance.updates.manifest import Blob, Chunk
from appliance.updates.sealing import seal
from installer.vendor.cutting import Piece

_LEVEL: Final = 9
_DELTA_LEVELS: Final = (1, 9)
"""Where weights moved very little, the higher level finds more; else the lower one is ahead."""
_SAMPLE: Final = 1 << 16
_LEAST: Final = 1 << 16
"""A smaller chunk is not worth that a box must have another one for it."""
_WORTH: Final = 0.95
"""What does not shrink below this is not worth the time of every box that expands it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A stored chunk: how the manifest tells of it, and its bytes."""

    blob: Blob
    content: bytes | memoryview


def pack(piece: Piece, chunk: Chunk, base: tuple[str, bytes] | None) -> Packed:
    """Choose the smallest form.

    Args:
        piece: The content.
        chunk: Its name and size.
        base: Digest and content of an older chunk of the same size, which every box has that this
            bundle is for.
    """
    best = Packed(Blob(chunk.sha256, chunk.size, "plain"), piece.content)
    if _shrinks(piece.content):
        shrunk = ZstdCompressor(level=_LEVEL).compress(piece.content)
        if len(shrunk) < chunk.size * _WORTH:
            best = Packed(Blob(sha256(shrunk).hexdigest(), len(shrunk), "zstd"), shrunk)
    if base is not None and len(base[1]) == chunk.size and chunk.size >= _LEAST:
        tries = [make_delta(piece.content, base[1], piece.width, one) for one in _DELTA_LEVELS]
        delta = min(tries, key=len)
        if len(delta) < best.blob.size * _WORTH:
            digest = sha256(delta).hexdigest()
            best = Packed(Blob(digest, len(delta), "delta", base[0]), delta)
    return best


def sealed(packed: Packed, key: bytes) -> Packed:
    """What was chosen, for one box alone."""
    content = seal(key, packed.content)
    blob = packed.blob
    digest = sha256(content).hexdigest()
    return Packed(Blob(digest, len(content), blob.form, blob.base), content)


def _shrinks(content: memoryview) -> bool:
    """A look at the middle: weights do not shrink, and most of what is shipped is weights."""
    middle = max(0, (len(content) - _SAMPLE) // 2)
    sample = content[middle : middle + _SAMPLE]
    return len(ZstdCompressor(level=1).compress(sample)) < len(sample) * _WORTH
