"""Space in the vault: how much each area takes, what may still come in, and the log's reserve."""

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.settings.storage import StorageSettings
from appliance.vault.errors import AreaFull, SpaceLow

AREAS: Final = ("shelf", "datasets", "jobs", "audit", "bodies", "staging")
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
_CALM: Final = 2
"""Per cent of the disk by which a level must be left behind before it ends."""
_LAST: Final = 64 * _MIB
"""With less than this free the log gets its reserve."""


class Level(IntEnum):
    """How short space is, from none of it to all."""

    OK = 0
    LOW = 1
    CRITICAL = 2
    RESERVE = 3


@dataclass(frozen=True, slots=True)
class Area:
    """One area: bytes used, and its quota in bytes (0 for none)."""

    name: str
    used: int
    quota: int

    @property
    def full(self) -> bool:
        """Whether it has reached its quota."""
        return 0 < self.quota <= self.used


@dataclass(frozen=True, slots=True)
class Space:
    """The disk of the vault at one moment.

    Args:
        total: bytes of its file system.
        free: bytes that may still be written, the log's reserve not counted.
        reserve: bytes that are kept for the log now.
        level: how short it is.
        areas: what takes how much.
    """

    total: int
    free: int
    reserve: int
    level: Level
    areas: tuple[Area, ...] = ()


def judge(total: int, free: int, before: Level, rules: StorageSettings) -> Level:
    """How short space is; a level that was reached ends a little above where it began.

    Args:
        total: bytes of the file system.
        free: bytes that may still be written.
        before: the level until now.
        rules: the shares that were set.
    """
    percent = 100 * free / total if total > 0 else 0.0

    def under(limit: float, level: Level) -> bool:
        return percent < (limit + _CALM if before >= level else limit)

    if free < _LAST or (before is Level.RESERVE and under(rules.critical_percent, Level.CRITICAL)):
        return Level.RESERVE
    if under(rules.critical_percent, Level.CRITICAL):
        return Level.CRITICAL
    return Level.LOW if under(rules.low_percent, Level.LOW) else Level.OK


class SpaceKeeper:
    """Watches the disk of an open vault. Synchronous: `look` belongs in the thread pool.

    Args:
        layout: where the box keeps its state.
        rules: shares, reserve and quotas.
        usage: total and free bytes of the file system of a path.
    """

    def __init__(
        self,
        layout: StateLayout,
        rules: StorageSettings,
        usage: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        self._layout = layout
        self._rules = rules
        self._usage = usage or _usage
        self._lock = threading.Lock()
        self._now = Space(0, 0, 0, Level.OK)

    @property
    def now(self) -> Space:
        """What was seen last."""
        return self._now

    def look(self, *, measure: bool = True) -> Space:
        """Look again, and give the log its reserve or take it back.

        Args:
            measure: whether the areas are measured too, which reads every directory.
        """
        with self._lock:
            total, free = self._usage(self._layout.vault)
            level = judge(total, free, self._now.level, self._rules)
            self._tend_reserve(level, free)
            areas = self._measured() if measure else self._now.areas
            self._now = Space(total, free, _size(self._layout.log_reserve), level, areas)
            return self._now

    def require(self, area: str, more: int = 0) -> None:
        """Pass, or refuse what would come into an area.

        Args:
            area: one of AREAS.
            more: bytes that are about to come.

        Raises:
            SpaceLow: the disk is nearly full: only answers and the log are written now.
            AreaFull: the area would go beyond its quota.
        """
        now = self._now
        if now.level >= Level.CRITICAL or (now.total and more >= now.free):
            raise SpaceLow(gib=round(now.free / _GIB, 1))
        found = next((one for one in now.areas if one.name == area), None)
        if found is not None and found.quota and found.used + more > found.quota:
            raise AreaFull(area=area, quota=found.quota // _GIB)

    def _tend_reserve(self, level: Level, free: int) -> None:
        path, wanted = self._layout.log_reserve, self._rules.log_reserve_mib * _MIB
        if level is Level.RESERVE or not wanted:
            path.unlink(missing_ok=True)
        elif level is Level.OK and _size(path) != wanted and free > 2 * wanted:
            _allocate(path, wanted)

    def _measured(self) -> tuple[Area, ...]:
        layout, rules = self._layout, self._rules
        places: Mapping[str, tuple[tuple[Path, ...], int]] = {
            "shelf": ((layout.shelf,), rules.shelf_gib),
            "datasets": (
                (layout.caller_files, layout.files_mount / "datasets", layout.packs),
                rules.datasets_gib,
            ),
            "jobs": ((layout.jobs_dir,), rules.jobs_gib),
            "audit": (tuple(layout.vault.glob("audit.db*")), rules.audit_gib),
            "bodies": (tuple(layout.vault.glob("bodies.db*")), rules.bodies_gib),
            "staging": ((layout.uploads, layout.exports), rules.staging_gib),
        }
        return tuple(
            Area(name, sum(map(_bytes_in, paths)), gib * _GIB)
            for name, (paths, gib) in MappingProxyType(places).items()
        )


def _allocate(path: Path, size: int) -> None:
    """Take the room for real; a file that only claims its size would be of no use later."""
    part = path.with_suffix(".part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)
        part.replace(path)
    except OSError:
        # No reserve is no reason to stop: the next look tries again.
        part.unlink(missing_ok=True)


def _usage(path: Path) -> tuple[int, int]:
    found = shutil.disk_usage(path)
    return found.total, found.free


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _bytes_in(path: Path) -> int:
    """Bytes that a file or everything below a directory takes on the disk; what vanishes counts not."""
    if path.is_file():
        return _size(path)
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118  # a thousand names a look
    return total
