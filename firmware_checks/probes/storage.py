"""Observes mounted file systems and swap areas, and whether the disks below are encrypted."""

import re
from typing import Final

from firmware_checks.facts import Mount, Reading, Reason, Swap, Unread
from firmware_checks.probes.tree import Tree

_MOUNTS: Final = "/proc/self/mountinfo"
_SWAPS: Final = "/proc/swaps"
_BLOCK: Final = "/sys/class/block"
_DISK_FILE_SYSTEMS: Final = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "xfs", "zfs"},
)
# What starts the machine must be readable before a key is there, and holds no patient data.
_START_FOLDERS: Final = ("/boot", "/efi")
# dm-crypt targets. CRYPT-VERITY and CRYPT-INTEGRITY protect from change, not from reading.
_ENCRYPTING: Final = tuple(
    f"CRYPT-{kind}-" for kind in ("LUKS1", "LUKS2", "PLAIN", "TCRYPT", "BITLK", "FVAULT2")
)
_MAX_DEPTH: Final = 8


def mounts(tree: Tree) -> Reading[tuple[Mount, ...]]:
    """The mounted disk file systems outside /boot, each with the state of its disks."""
    text = tree.text(_MOUNTS)
    if isinstance(text, Unread):
        return text
    found: list[Mount] = []
    for line in text.splitlines():
        # proc(5): id parent major:minor root target options [tags...] - type source options
        left, dash, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if not dash or len(fields) < 6 or len(tail) < 2:  # noqa: PLR2004 - the fields named above
            return Unread(Reason.MALFORMED, _MOUNTS, f"not a mount: {line[:80]!r}")
        target, kind, source = _plain(fields[4]), tail[0], _plain(tail[1])
        if kind in _DISK_FILE_SYSTEMS and not _starts_machine(target):
            encrypted = _file_system(tree, kind, fields[2], source)
            found.append(Mount(target, kind, source, encrypted))
    return tuple(found)


def swaps(tree: Tree) -> Reading[tuple[Swap, ...]]:
    """The active swap areas; the table's own heading must be there for "none" to count."""
    text = tree.text(_SWAPS)
    if isinstance(text, Unread):
        return text
    lines = text.splitlines()
    if not lines[0].startswith("Filename"):
        return Unread(Reason.MALFORMED, _SWAPS, "the heading is missing")
    return tuple(_swap(tree, line.split()) for line in lines[1:] if line.strip())


def _swap(tree: Tree, fields: list[str]) -> Swap:
    name = _plain(fields[0])
    if len(fields) > 1 and fields[1] == "file":
        return Swap(name, _below_file(tree, name))
    device = name.removeprefix("/dev/")
    if re.fullmatch(r"zram\d+", device):
        return Swap(name, _zram(tree, device))
    return Swap(name, _named(tree, name))


def _zram(tree: Tree, device: str) -> Reading[bool]:
    """A zram swap stays in memory, unless a disk stands behind it for its overflow."""
    backing = tree.text(f"{_BLOCK}/{device}/backing_dev")
    if isinstance(backing, Unread):
        return True if backing.reason is Reason.ABSENT else backing
    return True if backing.strip() == "none" else _named(tree, backing.strip())


def _below_file(tree: Tree, path: str) -> Reading[bool]:
    table = mounts(tree)
    if isinstance(table, Unread):
        return table
    covering = [mount for mount in table if path.startswith(mount.target.rstrip("/") + "/")]
    if not covering:
        return Unread(Reason.ABSENT, _MOUNTS, "the file system of the swap file is unknown")
    return max(covering, key=lambda mount: len(mount.target)).encrypted


def _file_system(tree: Tree, kind: str, numbers: str, source: str) -> Reading[bool]:
    if kind == "zfs":
        return Unread(Reason.UNSUPPORTED, source, "encryption inside ZFS is not read")
    if not numbers.startswith("0:"):
        real = tree.real(f"/sys/dev/block/{numbers}")
        if isinstance(real, Unread):
            return real
        return _all_members(tree, kind, real.rsplit("/", 1)[-1])
    name = _device_name(tree, source)
    return name if isinstance(name, Unread) else _all_members(tree, kind, name)


def _all_members(tree: Tree, kind: str, name: str) -> Reading[bool]:
    """The device, and for btrfs every device of the same file system."""
    if kind == "btrfs":
        systems = tree.names("/sys/fs/btrfs")
        for system in () if isinstance(systems, Unread) else systems:
            members = tree.names(f"/sys/fs/btrfs/{system}/devices")
            if not isinstance(members, Unread) and name in members:
                return _every(tree, members, 0)
        return Unread(Reason.ABSENT, "/sys/fs/btrfs", f"the devices beside {name} are unknown")
    return encrypted(tree, name)


def _named(tree: Tree, path: str) -> Reading[bool]:
    name = _device_name(tree, path)
    return name if isinstance(name, Unread) else encrypted(tree, name)


def _device_name(tree: Tree, path: str) -> Reading[str]:
    """The kernel's name of a device file: "dm-0" for "/dev/mapper/root"."""
    if path.startswith("/dev/mapper/"):
        wanted = path.removeprefix("/dev/mapper/")
        names = tree.names(_BLOCK)
        for name in () if isinstance(names, Unread) else names:
            if tree.text(f"{_BLOCK}/{name}/dm/name") == wanted:
                return name
        return Unread(Reason.ABSENT, path, "no block device has this name")
    if not re.fullmatch(r"/dev/[\w.-]+", path):
        return Unread(Reason.UNSUPPORTED, path, "not a block device")
    return path.removeprefix("/dev/")


def encrypted(tree: Tree, name: str, depth: int = 0) -> Reading[bool]:
    """Whether a block device, or everything below it, is encrypted by dm-crypt."""
    folder = f"{_BLOCK}/{name}"
    if depth > _MAX_DEPTH:
        return Unread(Reason.MALFORMED, folder, "devices stand on one another without end")
    if not tree.exists(folder):
        return Unread(Reason.ABSENT, folder)
    identity = tree.text(f"{folder}/dm/uuid")
    if not isinstance(identity, Unread) and identity.startswith(_ENCRYPTING):
        return True
    below = tree.names(f"{folder}/slaves")
    if isinstance(below, Unread):
        # A partition has no such folder; anything else without one is not understood.
        return False if tree.exists(f"{folder}/partition") else below
    if not below and name.startswith("loop"):
        return Unread(Reason.UNSUPPORTED, folder, "what the loop device reads is not followed")
    return _every(tree, below, depth + 1) if below else False


def _every(tree: Tree, names: tuple[str, ...], depth: int) -> Reading[bool]:
    unread: Unread | None = None
    for name in names:
        state = encrypted(tree, name, depth)
        if isinstance(state, Unread):
            unread = state
        elif not state:
            return False
    return True if unread is None else unread


def _starts_machine(target: str) -> bool:
    return any(target == start or target.startswith(f"{start}/") for start in _START_FOLDERS)


def _plain(field: str) -> str:
    """A field of /proc with its octal escapes (a blank is written as 040) resolved."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field)
