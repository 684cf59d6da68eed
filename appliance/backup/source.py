"""What of a box goes into a backup, and what does not."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.backup.snapshot import Entry
from appliance.settings.layout import StateLayout

BOX_DB: Final = "vault/box.db"
AUDIT_DB: Final = "vault/audit.db"
BODIES_DB: Final = "vault/bodies.db"
DATABASES: Final = (BOX_DB, AUDIT_DB, BODIES_DB)
FILES: Final = "vault/files"
SHELF: Final = "vault/files/shelf"
KEYRING: Final = "keys/keyring.json"
FORGOTTEN: Final = "keys/forgotten.jsonl"
"""Which patients and datasets were erased; a restore goes on erasing them."""
SETTINGS: Final = "settings.toml"

# The root key's slots belong to the old machine and its people; a snapshot carries the root key
# itself, sealed to the backup keys. Uploads are not judged yet, exports lie with the auditors.
_LEFT_OUT: Final = frozenset(
    (
        "vault/files/uploads",
        "vault/files/exports",
        "vault/files/shelf/tmp",
        "vault/files/drill",
    )
)
OUTSIDE: Final = (SETTINGS, KEYRING, FORGOTTEN, "trust", "tls", "engines.d")


@dataclass(frozen=True, slots=True)
class Found:
    """Something that belongs into a backup.

    Args:
        entry: what is known without reading it.
        place: where it lies.
    """

    entry: Entry
    place: Path


def survey(layout: StateLayout) -> Iterator[Found]:
    """Everything but the databases: settings, keys, trust, and the files of the vault.

    What vanishes meanwhile is left out: it was not there at the end.
    """
    seen: dict[tuple[int, int], str] = {}
    for name in OUTSIDE:
        yield from _look(layout.root / name, name, seen)
    yield from _look(layout.files_mount, FILES, seen)


def _look(place: Path, path: str, seen: dict[tuple[int, int], str]) -> Iterator[Found]:
    if path in _LEFT_OUT or path.endswith(".part"):
        return
    try:
        info = place.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(info.st_mode):
        yield Found(Entry(path, "d", stat.S_IMODE(info.st_mode)), place)
        try:
            names = sorted(below.name for below in place.iterdir())
        except FileNotFoundError:
            return
        for name in names:
            yield from _look(place / name, f"{path}/{name}", seen)
        return
    found = _leaf(place, path, info, seen)
    if found is not None:
        yield found


def _leaf(
    place: Path, path: str, info: os.stat_result, seen: dict[tuple[int, int], str]
) -> Found | None:
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISLNK(info.st_mode):
        return Found(Entry(path, "l", mode, to=str(place.readlink())), place)
    if not stat.S_ISREG(info.st_mode):
        return None  # sockets and pipes hold nothing
    if info.st_nlink > 1:
        first = seen.setdefault((info.st_dev, info.st_ino), path)
        if first != path:
            return Found(Entry(path, "h", mode, to=first), place)
    return Found(Entry(path, "f", mode, info.st_size, stamps_of(info)), place)


def stamps_of(info: os.stat_result) -> tuple[int, int, int]:
    """What changes whenever a file does."""
    return info.st_mtime_ns, info.st_ctime_ns, info.st_ino
