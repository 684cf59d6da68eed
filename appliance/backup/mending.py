"""A pack by itself: its directory, from which an index can be made again, and whether it is whole."""

from appliance.backup.errors import BackupAbsent
from appliance.backup.index import Directory, pieces_of
from appliance.backup.packing import FIRST, PACK, TRAILER, pack_path
from appliance.backup.repository import Repository
from appliance.backup.sealing import HEAD_SIZE, TAG_SIZE, damaged, opener

_ROW = 41


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
    if repository.keys.pack_name(sealer.salt, rows) != name:
        raise damaged(path, "内容被改动", "its content was altered")
    # The directory is the part after the last chunk, and its length tells how many those are.
    count = (length - TAG_SIZE) // _ROW
    pieces = pieces_of(sealer.open(count, rows, b"directory", path), path)
    at = FIRST
    room = memoryview(bytearray(max((piece.stored for piece in pieces), default=0)))
    for part, piece in enumerate(pieces):
        context = piece.chunk + bytes([piece.flags])
        sealer.open_into(part, view[at : at + piece.stored], context, room, path)
        at += piece.stored
    if at != start:
        raise damaged(path, "长度不对", "its length is wrong")
    return Directory(name, len(sealed), pieces)
