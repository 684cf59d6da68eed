"""C2SP tlog-proof: an inclusion proof with its checkpoint in one text that stands by itself."""

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final, Self

from secure_compute.errors import NoteMalformed
from secure_compute.merkle import HASH_SIZE, verify_inclusion
from secure_compute.note import Checkpoint, NoteKey, verify_checkpoint

HEAD: Final = "c2sp.org/tlog-proof@v1"
MOST_HASHES: Final = 63
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That one entry stands in the tree of a checkpoint. Trust it after `verify`.

    Attributes:
        index: Which entry, from 0.
        hashes: The audit path, 32 bytes each, from the leaf's sibling upwards.
        checkpoint: The signed checkpoint, byte for byte, cosignatures included.
        extra: What an application adds; nothing vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def to_bytes(self) -> bytes:
        """The proof as a file."""
        extra = f"extra {b64encode(self.extra).decode()}\n" if self.extra else ""
        path = "".join(f"{b64encode(one).decode()}\n" for one in self.hashes)
        return f"{HEAD}\n{extra}index {self.index}\n{path}\n".encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a proof.

        Raises:
            NoteMalformed: It breaks the format.
        """
        text, mark, checkpoint = data.partition(b"\n\n")
        lines = text.decode("ascii", "replace").split("\n")
        extra = b""
        if lines[0] == HEAD and lines[1:] and lines[1].startswith("extra "):
            extra = _base64(lines.pop(1).removeprefix("extra "))
        index = _INDEX.fullmatch(lines[1]) if lines[0] == HEAD and lines[1:] else None
        hashes = tuple(_base64(line) for line in lines[2 : MOST_HASHES + 3])
        if not mark or index is None or len(hashes) > MOST_HASHES:
            raise NoteMalformed(reason="a proof reads: head, index, hashes, blank line, checkpoint")
        if any(len(one) != HASH_SIZE for one in hashes):
            raise NoteMalformed(reason="a hash of the proof is not 32 bytes")
        return cls(int(index.group(1)), hashes, checkpoint, extra)

    def verify(self, leaf: bytes, key: NoteKey) -> Checkpoint:
        """Check that a leaf stands where the proof says, under a checkpoint that the log signed.

        Args:
            leaf: The leaf's hash, 32 bytes.
            key: The log's key.

        Raises:
            NoteMalformed, SignatureInvalid: The checkpoint is not the log's.
            ProofInvalid: The hashes do not lead to its root.
        """
        signed = verify_checkpoint(self.checkpoint, key)
        verify_inclusion(leaf, self.index, signed.size, self.hashes, signed.root)
        return signed


def _base64(text: str) -> bytes:
    try:
        raw = b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteMalformed(reason="a base64 value is malformed") from error
    if b64encode(raw).decode() != text:
        raise NoteMalformed(reason="a base64 value is not in its one canonical form")
    return raw
