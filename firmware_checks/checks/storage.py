"""Checks of what reaches a disk: encryption of file systems and of swap."""

from typing import Final

from firmware_checks.check import (
    Check,
    Evidence,
    Impact,
    Text,
    Verdict,
    could_not_read,
    failed,
    passed,
    undecided,
)
from firmware_checks.facts import Facts, Unread


def disks(facts: Facts) -> Verdict:
    """Every mounted disk file system outside /boot lies on encrypted devices."""
    mounts = facts.mounts
    if isinstance(mounts, Unread):
        return could_not_read(mounts)
    clear = [mount for mount in mounts if mount.encrypted is False]
    if clear:
        return failed(
            "有未加密的文件系统。",
            "File systems are not encrypted.",
            *(Evidence.of(mount.target, f"{mount.filesystem} {mount.source}") for mount in clear),
        )
    for mount in mounts:
        if isinstance(mount.encrypted, Unread):
            return could_not_read(mount.encrypted)
    if not any(mount.target == "/" for mount in mounts):
        return undecided(
            "根文件系统不在可识别的磁盘上。",
            "The root file system is on no disk that can be told.",
            Evidence.of("/proc/self/mountinfo", f"{len(mounts)} disk file systems"),
        )
    return passed(
        "所有文件系统均已加密。",
        "All file systems are encrypted.",
        *(Evidence.of(mount.target, mount.source) for mount in mounts),
    )


def swap(facts: Facts) -> Verdict:
    """There is no swap, or all of it is encrypted or in memory."""
    areas = facts.swaps
    if isinstance(areas, Unread):
        return could_not_read(areas)
    clear = [area for area in areas if area.encrypted is False]
    if clear:
        return failed(
            "交换区未加密。",
            "Swap is not encrypted.",
            *(Evidence.of("/proc/swaps", area.name) for area in clear),
        )
    for area in areas:
        if isinstance(area.encrypted, Unread):
            return could_not_read(area.encrypted)
    seen = Evidence.of("/proc/swaps", ", ".join(area.name for area in areas) or "none")
    return passed("没有交换区,或均已加密。", "There is no swap, or all of it is encrypted.", seen)


CHECKS: Final = (
    Check(
        "disk.encrypted",
        3,
        Impact.CRITICAL,
        Text("磁盘加密", "偷走硬盘即可读到系统与日志。", "用 LUKS2 重装系统盘,并把密钥封到 TPM。"),
        Text(
            "Disks encrypted",
            "Whoever takes a disk reads the system and its logs.",
            "Install the system anew on LUKS2 and seal its key to the TPM.",
        ),
        ("LUKS2 on-disk format", "NIST SP 800-111"),
        disks,
    ),
    Check(
        "swap.protected",
        2,
        Impact.HIGH,
        Text(
            "交换区关闭或加密",
            "内存中的病人数据会明文写到磁盘。",
            "执行 swapoff -a 并从 /etc/fstab 删除,或改用加密交换区。",
        ),
        Text(
            "Swap off or encrypted",
            "Patient data in memory is written to disk in the clear.",
            "Run swapoff -a and remove swap from /etc/fstab, or use encrypted swap.",
        ),
        ("crypttab(5)", "fwupd HSI runtime Linux Swap"),
        swap,
    ),
)
