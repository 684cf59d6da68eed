"""A pack by itself: its directory, from which a lost index is made again, and whether it is whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appliance.backup.errors import BackupAbsent, BackupDamaged
from appliance.backup.index import Directory, Index, Piece, pieces_of
from appliance.backup.objects import LARGEST
from appliance.backup.packing import FIRST, PACK, TRAILER, pack_path
from appliance.backup.repository import Repository
from appliance.backup.sealing import HEAD_SIZE, TAG_SIZE, ObjectSealer, damaged, opener

_ROW = 41


@dataclass(frozen=True, slots=True)
class Mended:
    """An index, made again where it was lost.

    Args:
        index: over everything that the list names, and over packs that are there besides.
        lost: indexes that are missing or altered, and why.
        again: what the packs themselves told in their place.
    """

    index: Index
    lost: Mapping[str, str]
    again: tuple[Directory, ...]


def mended_index(repository: Repository) -> Mended:
    """Everything that the list's indexes name; a damaged one costs nothing that packs tell again.

    Raises:
        TargetGone: the target stopped answering.
    """
    index = Index(FIRST)
    lost: dict[str, str] = {}
    for name in repository.list.indexes:
        try:
            for directory in repository.read_index(name):
                index.add(directory)
        except BackupDamaged as error:
            lost[name] = str(error.facts["reason_en"])
    again = tuple(_told_again(repository, index)) if lost else ()
    return Mended(index, lost, again)


def left_directories(repository: Repository, index: Index) -> Iterator[Directory]:
    """What interrupted backups left and named: packs that are there, as long as they were.

    An index may have outlived its packs (a power cut while both were deleted, a copy that somebody
    put back): what is not there must not be taken for sent. One that cannot be read is waste.
    """
    there = repository.target.list("packs")
    for name in repository.left_indexes():
        try:
            found = list(repository.read_index(name))
        except BackupDamaged:
            continue
        for one in found:
            if there.get(pack_path(one.pack)) == one.size and one.pack not in index.packs():
                index.add(one)
                yield one


def _told_again(repository: Repository, index: Index) -> Iterator[Directory]:
    known = index.packs()
    for path, size in repository.target.list("packs").items():
        name = path.rpartition("/")[2]
        if name in known:
            continue
        try:
            found = _directory(repository, name, size)
        except BackupDamaged:
            continue  # whatever needs it is found damaged
        index.add(found)
        yield found


def _directory(repository: Repository, name: str, size: int) -> Directory:
    """What a pack says that it holds; of its chunks nothing is read."""
    path = pack_path(name)
    read = repository.target.read_part
    try:
        length = int.from_bytes(read(path, size - TRAILER, TRAILER), "big")
        start = size - TRAILER - length
        if start < HEAD_SIZE or not TAG_SIZE <= length <= LARGEST:
            raise damaged(path, "目录长度不对", "its directory has a wrong length")
        sealer = opener(repository.keys, PACK, read(path, 0, HEAD_SIZE), path)
        rows = read(path, start, length)
    except BackupAbsent:
        raise damaged(path, "缺失", "it is missing") from None
    return Directory(name, size, _opened(repository, name, sealer, rows))


def _opened(
    repository: Repository, name: str, sealer: ObjectSealer, rows: bytes
) -> tuple[Piece, ...]:
    path = pack_path(name)
    if repository.keys.pack_name(sealer.salt, rows) != name:
        raise damaged(path, "内容被改动", "its content was altered")
    # The directory is the part after the last chunk, and its length tells how many those are.
    count = (len(rows) - TAG_SIZE) // _ROW
    return pieces_of(sealer.open(count, rows, b"directory", path), path)


def sound_pack(repository: Repository, name: str) -> Directory:
    """What a pack holds, every byte of it authenticated.

    Raises:
        BackupDamaged: it is missing, cut or altered.
        TargetGone: the target stopped answering.
    """
    path = pack_path(name)
    try:
        sealed = repository.target.read(path)
    except BackupAbsent:
        raise damaged(path, "缺失", "it is missing") from None
    view = memoryview(sealed)
    length = int.from_bytes(view[-TRAILER:], "big")
    start = len(sealed) - TRAILER - length
    if start < HEAD_SIZE or length < TAG_SIZE:
        raise damaged(path, "目录长度不对", "its directory has a wrong length")
    sealer = opener(repository.keys, PACK, sealed[:HEAD_SIZE], path)
    rows = sealed[start:-TRAILER]
    pieces = _opened(repository, name, sealer, rows)
    at = FIRST
    room = memoryview(bytearray(max((piece.stored for piece in pieces), default=0)))
    for part, piece in enumerate(pieces):
        context = piece.chunk + bytes([piece.flags])
        sealer.open_into(part, view[at : at + piece.stored], context, room, path)
        at += piece.stored
    if at != start:
        raise damaged(path, "长度不对", "its length is wrong")
    return Directory(name, len(sealed), pieces)
