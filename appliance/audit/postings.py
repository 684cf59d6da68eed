"""The search index of a closed segment: which of its 16,384 entries name which term.

What few values have (tags, actors, models) has a posting of its own for each value: offsets, or a
bitmap where they are many. What nearly every entry has a value of its own for (requests, receipts,
patients) shares 512 buckets, so that closing a segment touches hundreds of places and not thousands.
A term is a 62-bit hash; whoever finds an entry by it compares the entry itself.
"""

from array import array
from collections.abc import Iterable, Iterator
from functools import reduce
from hashlib import blake2b
from itertools import chain
from operator import or_
from typing import Final

from appliance.audit.identifiers import is_identifier

SEGMENT: Final = 16_384
"""Entries in a segment: 64 tiles, 256 bundles."""
BUCKETS: Final = 512

_BITMAP: Final = SEGMENT // 8
_SPARSE: Final = 256
"""A posting of at most this many offsets is a list of them; then a list is never a bitmap long."""
_OWN: Final = 1 << 62
_SHORT: Final = 4
_PAIR: Final = _SHORT + 2

Posting = tuple[int, bytes]
"""Term, or number of the bucket; and its body."""
Entries = bytes | set[int]
"""Entries of one segment by their offsets: a bitmap of 2 KiB where they are many, else a set."""
Shared = tuple[str, str, tuple[str, ...]]
"""What many entries have alike: tag, actor, models."""


def few(kind: str, value: str) -> int:
    """The term of a value that many entries share: kind "tag", "actor" or "model"."""
    return _OWN | _hash(f"{kind}\0{value}") >> 2


def many(kind: str, value: str) -> tuple[int, bytes]:
    """Bucket and short hash of a value that few entries share: kind "request" or "patient".

    A receipt has its request's number, so it is found as a request.
    """
    number = value[4:] if is_identifier(value) else value
    hashed = _hash(f"{kind}\0{number}")
    return hashed % BUCKETS, (hashed >> 32).to_bytes(_SHORT, "little")


def tag_terms(tag: str) -> tuple[str, ...]:
    """A tag and what it begins with, colon by colon: "a:b:c", "a:b:*", "a:*"."""
    source, _, rest = tag.partition(":")
    subject, _, _ = rest.partition(":")
    return tag, f"{source}:{subject}:*", f"{source}:*"


def cover(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """The fewest indexed texts that together are every known tag beginning with a text.

    Args:
        wanted: the beginning, without its "*"; not empty.
        known: every tag of the log.
    """
    depth = wanted.count(":")
    found = {tag for tag in known if tag.startswith(wanted)}
    if depth >= 2:  # noqa: PLR2004  # a tag has two colons
        return tuple(sorted(found))
    return tuple(sorted({":".join(tag.split(":")[: depth + 1]) + ":*" for tag in found}))


class Building:
    """Gathers the postings of one segment, entry by entry."""

    def __init__(self) -> None:
        self._alike: dict[Shared, array[int]] = {}
        self._short: list[bytearray] = [bytearray() for _ in range(BUCKETS)]
        self._offsets: list[bytearray] = [bytearray() for _ in range(BUCKETS)]

    @property
    def tags(self) -> list[str]:
        """The tags of the entries, sorted."""
        return sorted({shared[0] for shared in self._alike})

    def add(self, offset: int, shared: Shared) -> None:
        """An entry has a tag, an actor, and models that it names."""
        offsets = self._alike.get(shared)
        if offsets is None:
            offsets = self._alike[shared] = array("H")
        offsets.append(offset)

    def add_rare(self, offset: int, kind: str, value: str) -> None:
        """An entry names a value that few share."""
        bucket, short = many(kind, value)
        self._short[bucket] += short
        self._offsets[bucket] += offset.to_bytes(2, "little")

    def finish(self) -> list[Posting]:
        """Every posting of the segment, by term."""
        made = [
            (bucket, bytes(short + self._offsets[bucket]))
            for bucket, short in enumerate(self._short)
            if short
        ]
        named: dict[int, list[array[int]]] = {}
        for shared, offsets in self._alike.items():
            for term in _terms(shared):
                named.setdefault(term, []).append(offsets)
        bits = {id(offsets): _bits(offsets) for offsets in self._alike.values()}
        for term, parts in named.items():
            if sum(map(len, parts)) <= _SPARSE:
                made.append((term, array("H", sorted(chain(*parts))).tobytes()))
            else:
                together = reduce(or_, [bits[id(part)] for part in parts])
                made.append((term, together.to_bytes(_BITMAP, "little")))
        return sorted(made)


def entries_of(body: bytes) -> Entries:
    """The entries of a posting."""
    return body if len(body) == _BITMAP else set(memoryview(body).cast("H"))


def entries_in(short: bytes, bucket: bytes) -> Entries:
    """The entries that a bucket holds under a short hash."""
    edge = len(bucket) // _PAIR * _SHORT
    found: set[int] = set()
    at = bucket.find(short, 0, edge)
    while at >= 0:
        if at % _SHORT == 0:
            place = edge + at // _SHORT * 2
            found.add(int.from_bytes(bucket[place : place + 2], "little"))
        at = bucket.find(short, at + 1, edge)
    return found


def both(one: Entries, other: Entries) -> Entries:
    """The entries that are in each of two."""
    if isinstance(one, set):
        if isinstance(other, set):
            return one & other
        return {offset for offset in one if other[offset >> 3] >> (offset & 7) & 1}
    if isinstance(other, set):
        return both(other, one)
    return (_number(one) & _number(other)).to_bytes(_BITMAP, "little")


def either(one: Entries, other: Entries) -> Entries:
    """The entries that are in any of two."""
    if isinstance(one, set) and isinstance(other, set):
        return one | other
    return (_number(one) | _number(other)).to_bytes(_BITMAP, "little")


def offsets_below(entries: Entries, end: int) -> Iterator[int]:
    """The offsets of entries below an offset, largest first."""
    if isinstance(entries, set):
        yield from sorted((offset for offset in entries if offset < end), reverse=True)
        return
    bits = _number(entries) & (1 << end) - 1
    while bits:
        offset = bits.bit_length() - 1
        yield offset
        bits ^= 1 << offset


def _number(entries: Entries) -> int:
    return _bits(entries) if isinstance(entries, set) else int.from_bytes(entries, "little")


def _terms(shared: Shared) -> set[int]:
    tag, actor, models = shared
    terms = {few("tag", text) for text in tag_terms(tag)}
    return terms | {few("actor", actor)} | {few("model", model) for model in models}


def _bits(offsets: Iterable[int]) -> int:
    bits = bytearray(_BITMAP)
    for offset in offsets:
        bits[offset >> 3] |= 1 << (offset & 7)
    return int.from_bytes(bits, "little")


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest(), "big")
