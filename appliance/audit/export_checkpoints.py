"""The checkpoints of an export: every one that is kept, with the signatures of all who signed it."""

from collections.abc import Iterator, Mapping, Sequence

from secure_compute.canonical import canonical_bytes
from secure_compute.note import Note


def newest(note: bytes, cosigned: bytes | None) -> bytes:
    """The newest checkpoint with whatever cosignatures there are over the same text."""
    return note if cosigned is None else _merged(note, cosigned)


def history_lines(
    kept: Sequence[tuple[int, int, str]], cosigned: Mapping[int, bytes], size: int
) -> Iterator[bytes]:
    """The lines of checkpoints.ndjson, smallest tree first.

    Args:
        kept: the log's own history: size, time, note.
        cosigned: whole notes by the size of their trees.
        size: of the exported tree; larger ones are of a later export.
    """
    notes = {entries: note.encode() for entries, _, note in kept if entries <= size}
    for entries, note in cosigned.items():
        notes[entries] = _merged(notes[entries], note) if entries in notes else note
    for entries in sorted(notes):
        if entries:
            yield canonical_bytes({"note": notes[entries].decode()}) + b"\n"


def _merged(one: bytes, other: bytes) -> bytes:
    """Both notes' signatures under their text; the first where their texts differ."""
    first, second = Note.parse(one), Note.parse(other)
    if first.text != second.text:
        return one
    known = set(first.signatures)
    more = tuple(line for line in second.signatures if line not in known)
    return Note(first.text, (*first.signatures, *more)).to_bytes()
