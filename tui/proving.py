"""Whether a proof leads to the root of its checkpoint, worked out here and not believed: pure."""

from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

_LONGEST: Final = 64
_LINES: Final = 3
_HASH: Final = 32


def proves(leaf: str, index: int, path: Sequence[str], checkpoint: str) -> bool:
    """Whether a leaf stands at `index` in the tree that a checkpoint names (RFC 9162 2.1.3.2).

    The signature of the checkpoint is not looked at: `verify.py` does, on a computer of one's own.

    Args:
        leaf: the leaf's hash, in hexadecimal digits.
        index: its number.
        path: the hashes of the proof, the leaf's sibling first, in hexadecimal digits.
        checkpoint: the signed note (C2SP tlog-checkpoint).
    """
    try:
        size, root = _head(checkpoint)
        hashes = [bytes.fromhex(one) for one in path[: _LONGEST + 1]]
        value = bytes.fromhex(leaf)
    except ValueError:
        return False
    if not 0 <= index < size or len(hashes) > _LONGEST or len(value) != _HASH:
        return False
    at, last = index, size - 1
    for sibling in hashes:
        if last == 0 or len(sibling) != _HASH:
            return False
        if at & 1 or at == last:
            value = sha256(b"\x01" + sibling + value).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = sha256(b"\x01" + value + sibling).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and value == root


def _head(checkpoint: str) -> tuple[int, bytes]:
    """The size and root that a checkpoint names.

    Raises:
        ValueError: it is none.
    """
    lines = checkpoint.split("\n", _LINES)
    if len(lines) <= _LINES or not (lines[1].isascii() and lines[1].isdigit()):
        message = "no checkpoint"
        raise ValueError(message)
    return int(lines[1][:19]), b64decode(lines[2], validate=True)
