"""The directory at the end of a pack: what an index is made from again when it is lost."""

from appliance.backup.errors import BackupAbsent
from appliance.backup.index import Directory, pieces_of
from appliance.backup.packing import PACK, TRAILER, pack_path
from appliance.backup.repository import Repository
from appliance.backup.sealing import HEAD_SIZE, damaged, opener


def directory_of(repository: Repository, name: str) -> Directory:
    """What a pack holds, from the pack alone. Raises BackupDamaged."""
    path = pack_path(name)
    try:
        sealed = repository.target.read(path)
    except BackupAbsent:
        raise damaged(path, "缺失", "it is missing") from None
    if repository.keys.object_name(sealed) != name:
        raise damaged(path, "内容被改动", "its content was altered")
    length = int.from_bytes(sealed[-TRAILER:], "big")
    start = len(sealed) - TRAILER - length
    if start < HEAD_SIZE:
        raise damaged(path, "目录长度不对", "its directory has a wrong length")
    sealer = opener(repository.keys, PACK, sealed, path)
    # The directory is the part after the last chunk, and its length tells how many those are.
    count = (length - 16) // 41
    rows = sealer.open(count, sealed[start:-TRAILER], b"directory", path)
    return Directory(name, len(sealed), pieces_of(rows, path))
