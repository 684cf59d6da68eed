"""A backup disk: a directory target that is the disk which was meant, and is really mounted."""

from os import urandom
from pathlib import Path
from typing import Final

from appliance.backup.errors import BackupAbsent, BackupDamaged, TargetRefused, WrongDisk
from appliance.backup.target import DirectoryTarget
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError

MARKER: Final = "wardbox-disk.json"
FORMAT: Final = "wardbox-disk/1"


def mark_disk(root: Path, name: str) -> str:
    """Give a mounted disk an id, or read the one it has.

    Raises:
        TargetRefused: nothing is mounted there.
    """
    if not is_mounted_at(root):
        raise TargetRefused(
            name=name, reason_zh="该目录不是挂载点", reason_en="no disk is mounted there"
        )
    try:
        return disk_id(root)
    except WrongDisk:
        made = urandom(16).hex()
        DirectoryTarget(root).write(MARKER, canonical_bytes({"disk": made, "format": FORMAT}))
        return made


def disk_id(root: Path) -> str:
    """The id that `mark_disk` left. Raises WrongDisk."""
    try:
        value = parse_canonical(DirectoryTarget(root).read(MARKER, 4096))
        if isinstance(value, dict) and value.get("format") == FORMAT:
            return str(value["disk"])
    except (BackupAbsent, BackupDamaged, SecureComputeError, KeyError):
        pass
    raise WrongDisk(place=root, reason_zh="没有标记文件", reason_en="it carries no mark")


def open_disk(root: Path, pin: str) -> DirectoryTarget:
    """The target on a marked disk.

    Raises:
        WrongDisk: nothing is mounted there, or another disk.
    """
    if not is_mounted_at(root):
        raise WrongDisk(place=root, reason_zh="没有挂载任何磁盘", reason_en="no disk is mounted")
    if disk_id(root) != pin:
        raise WrongDisk(place=root, reason_zh="是另一块磁盘", reason_en="it is another disk")
    return DirectoryTarget(root)


def is_mounted_at(root: Path) -> bool:
    """Whether a file system begins at, or between the root of the machine and, this directory.

    A disk's own directory below its mount point will do; the machine's root file system will not.
    """
    try:
        return root.is_dir() and root.stat().st_dev != Path("/").stat().st_dev
    except OSError:
        return False
