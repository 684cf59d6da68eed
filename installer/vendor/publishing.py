"""Puts a bundle on a stick: every file synced, the timestamp last, then read back as a box reads it."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.updates.fetcher import METADATA, TARGETS
from appliance.updates.manifest import CHUNKS
from installer.vendor.errors import VendorDiskRefused, VendorFolderTaken
from installer.vendor.files import discard, told
from installer.vendor.inspection import Inspected, judge

_PARTS: Final = (CHUNKS, TARGETS, METADATA)
_LAST: Final = Path(METADATA) / "timestamp.json"
_PIECE: Final = 1 << 20
_SPARE: Final = 4 << 20
"""Bytes left free for the file system's own use."""


def publish(bundle: Path, stick: Path, root: Path, now: datetime) -> Inspected:
    """Put a bundle on a stick.

    An older bundle on it stays whole until the new timestamp is there; what was written before a
    stick was pulled out is not written again.

    Args:
        bundle: A finished bundle.
        stick: The folder where the stick is mounted, or a folder on it.
        root: The root that boxes trust.
        now: The time.

    Returns:
        What a fresh box finds on the stick.

    Raises:
        UpdateError: The bundle, or what was read back from the stick, does not hold.
        VendorError: The stick is the bundle itself, is full, or fails.
    """
    with told(stick):
        stick.mkdir(parents=True, exist_ok=True)
        if stick.resolve() == bundle.resolve():
            raise VendorFolderTaken(folder=stick)
    judge(bundle, root, now)
    with told(stick):
        names = [name for name in _files(bundle) if name != _LAST]
        fresh = [name for name in names if not _there(bundle / name, stick / name)]
        _check_room(stick, sum((bundle / name).stat().st_size for name in fresh))
        folders: set[Path] = set()
        for name in fresh:
            _copy(bundle / name, stick / name)
            folders.update(p for p in (stick / name).parents if p.is_relative_to(stick))
        for folder in sorted(folders, reverse=True):
            _sync(folder)
        _copy(bundle / _LAST, stick / _LAST)
        _sync(stick / METADATA)
        for name in (*names, _LAST):
            _forget_cached(stick / name)
    return judge(stick, root, now)


def _files(bundle: Path) -> Iterator[Path]:
    """Every plain file of a bundle, the metadata last."""
    for part in _PARTS:
        for path in sorted((bundle / part).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(bundle)


def _there(source: Path, place: Path) -> bool:
    """Whether a file is on the stick already; its content is judged once all is there."""
    if not place.is_file() or place.is_symlink():
        return False
    if place.stat().st_size != source.stat().st_size:
        return False
    # Roots, roles and manifests are small: an older bundle may have other bytes of the same name.
    return place.parts[-3] == CHUNKS or place.read_bytes() == source.read_bytes()


def _check_room(stick: Path, needed: int) -> None:
    free = shutil.disk_usage(stick).free
    if free < needed + _SPARE:
        raise VendorDiskRefused(path=stick, reason=f"{needed + _SPARE} B > {free} B")


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name[:200]}.part")
    try:
        with source.open("rb") as reading, part.open("wb") as writing:
            shutil.copyfileobj(reading, writing, _PIECE)
            writing.flush()
            os.fsync(writing.fileno())
        part.replace(place)
    finally:
        discard(part)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget_cached(path: Path) -> None:
    """So that what is read back comes from the stick, not from memory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
