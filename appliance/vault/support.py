"""What encryption at rest needs of a machine: AES instructions, FUSE, gocryptfs."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.vault.errors import VaultUnsupported

_FLAGS: Final = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)
_UNMOUNTERS: Final = ("fusermount3", "fusermount")


@dataclass(frozen=True, slots=True)
class Support:
    """What was found on a machine.

    Args:
        aes: the processor has AES instructions.
        fuse: /dev/fuse can be opened.
        gocryptfs: path of the program, or None.
        fusermount: path of the program, or None.
    """

    aes: bool
    fuse: bool
    gocryptfs: Path | None
    fusermount: Path | None


@dataclass(frozen=True, slots=True)
class Programs:
    """The two programs that mount and unmount the files."""

    gocryptfs: Path
    fusermount: Path


def detect(root: Path = Path("/"), search: str | None = None) -> Support:
    """Look at a machine.

    Args:
        root: where its file system begins; another one in tests.
        search: the PATH to look for programs in; the process's own when None.
    """
    return Support(
        aes=has_aes(root / "proc/cpuinfo"),
        fuse=can_open(root / "dev/fuse"),
        gocryptfs=_program(("gocryptfs",), search),
        fusermount=_program(_UNMOUNTERS, search),
    )


def judge(support: Support) -> Programs:
    """The programs to use, or why this machine will not do.

    Raises:
        VaultUnsupported: something is missing, with the way to get it.
    """
    if not support.aes:
        raise VaultUnsupported(
            reason_zh="处理器没有 AES 指令(AES-NI)",
            reason_en="the processor has no AES instructions (AES-NI)",
            fix_zh="请在固件设置中启用 AES-NI,或换用支持它的处理器;虚拟机请把 aes 特性透传进来。",
            fix_en="Enable AES-NI in the firmware setup, use a processor that has it, or pass the "
            "aes feature through to the virtual machine.",
        )
    if not support.fuse:
        raise VaultUnsupported(
            reason_zh="无法打开 /dev/fuse",
            reason_en="/dev/fuse cannot be opened",
            fix_zh="请运行 modprobe fuse,并允许本用户访问 /dev/fuse;容器请加 --device /dev/fuse。",
            fix_en="Run modprobe fuse and let this user open /dev/fuse; start a container with "
            "--device /dev/fuse.",
        )
    if support.gocryptfs is None or support.fusermount is None:
        missing = "gocryptfs" if support.gocryptfs is None else "fusermount3"
        package = "gocryptfs" if support.gocryptfs is None else "fuse3"
        raise VaultUnsupported(
            reason_zh=f"没有找到程序 {missing}",
            reason_en=f"the program {missing} is missing",
            fix_zh=f"请安装软件包 {package}:apt-get install {package}。",
            fix_en=f"Install the package {package}: apt-get install {package}.",
        )
    return Programs(support.gocryptfs, support.fusermount)


def has_aes(cpuinfo: Path) -> bool:
    """Whether the processor has AES instructions, from the kernel's list of its flags."""
    try:
        match = _FLAGS.search(cpuinfo.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
    return match is not None and "aes" in match.group(1).split()


def can_open(device: Path) -> bool:
    """Whether this user may read and write a device."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _program(names: tuple[str, ...], search: str | None) -> Path | None:
    found = (shutil.which(name, path=search) for name in names)
    return next((Path(path) for path in found if path), None)
