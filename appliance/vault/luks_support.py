"""What LUKS2 needs of a machine: AES instructions, device-mapper, root, cryptsetup and its neighbours."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from appliance.vault.errors import VaultUnsupported
from appliance.vault.support import can_open, has_aes

PROGRAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cryptsetup": "cryptsetup-bin",
        "mke2fs": "e2fsprogs",
        "e2fsck": "e2fsprogs",
        "resize2fs": "e2fsprogs",
        "blkid": "util-linux",
        "mount": "mount",
        "umount": "mount",
    }
)
"""Program -> Debian package that brings it."""
_SEARCH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class LuksSupport:
    """What was found on a machine.

    Args:
        aes: the processor has AES instructions.
        mapper: device-mapper answers to this user.
        root: this process may mount.
        missing: programs that are not there.
    """

    aes: bool
    mapper: bool
    root: bool
    missing: tuple[str, ...] = ()


def detect_luks(root: Path = Path("/"), search: str = _SEARCH) -> LuksSupport:
    """Look at a machine.

    Args:
        root: where its file system begins; another one in tests.
        search: the PATH to look for programs in.
    """
    missing = tuple(name for name in PROGRAMS if shutil.which(name, path=search) is None)
    # Opening the node loads the module where it is a module (kmod's static nodes).
    mapper = can_open(root / "dev/mapper/control")
    return LuksSupport(has_aes(root / "proc/cpuinfo"), mapper, os.geteuid() == 0, missing)


def lacking(support: LuksSupport) -> tuple[str, str, str, str] | None:
    """The first thing that stands in the way: reason and remedy, Chinese before English; or None."""
    if not support.aes:
        return (
            "处理器没有 AES 指令(AES-NI)",
            "the processor has no AES instructions (AES-NI)",
            "请在固件设置中启用 AES-NI;虚拟机请把 aes 特性透传进来。",
            "Enable AES-NI in the firmware setup, or pass the aes feature through to the machine.",
        )
    if not support.root:
        return (
            "LUKS2 需要以 root 身份运行",
            "LUKS2 takes root",
            '请以 root 身份安装,或使用内置方式(storage = "embedded")。',
            'Install as root, or use the embedded back end (storage = "embedded").',
        )
    if not support.mapper:
        return (
            "内核没有 device-mapper(无法打开 /dev/mapper/control)",
            "the kernel has no device-mapper (/dev/mapper/control cannot be opened)",
            '请运行 modprobe dm_mod dm_crypt;容器中请使用内置方式(storage = "embedded")。',
            'Run modprobe dm_mod dm_crypt; in a container use storage = "embedded".',
        )
    if support.missing:
        programs = ", ".join(support.missing)
        packages = " ".join(dict.fromkeys(PROGRAMS.get(name, name) for name in support.missing))
        return (
            f"没有找到程序 {programs}",
            f"these programs are missing: {programs}",
            f"请安装软件包:apt-get install {packages}。",
            f"Install the packages: apt-get install {packages}.",
        )
    return None


def judge_luks(support: LuksSupport) -> None:
    """Pass, or say why this machine will not do.

    Raises:
        VaultUnsupported: something is missing, with the way to get it.
    """
    found = lacking(support)
    if found is not None:
        raise _refusal(found)


def missing(program: str) -> VaultUnsupported:
    """What is told where a program is not installed that was asked for."""
    found = lacking(LuksSupport(aes=True, mapper=True, root=True, missing=(program,)))
    assert found is not None  # noqa: S101  # it was said to be missing
    return _refusal(found)


def _refusal(found: tuple[str, str, str, str]) -> VaultUnsupported:
    reason_zh, reason_en, fix_zh, fix_en = found
    return VaultUnsupported(reason_zh=reason_zh, reason_en=reason_en, fix_zh=fix_zh, fix_en=fix_en)
