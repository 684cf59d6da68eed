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

_POLICY_PCR: Final = 7


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


def sealed(facts: Facts) -> Verdict:
    """The key of an encrypted system disk is sealed to how this machine starts."""
    volumes = facts.luks
    if isinstance(volumes, Unread):
        return could_not_read(volumes)
    if not volumes:
        seen = Evidence.of("/sys/class/block", "no LUKS2 volume")
        return failed("没有加密的磁盘。", "No disk is encrypted with LUKS2.", seen)
    seen_all: list[Evidence] = []
    bound: set[int] = set()
    for volume in volumes:
        registers = volume.sealed_to
        if isinstance(registers, Unread):
            return could_not_read(registers)
        bound.update(registers or ())
        told = "no TPM token" if registers is None else f"PCR {', '.join(map(str, registers))}"
        seen_all.append(Evidence.of(volume.device, told))
    # PCR 7 is the policy of Secure Boot; without it any system on this machine opens the disk.
    if _POLICY_PCR not in bound:
        return failed(
            "磁盘密钥未绑定启动状态。", "No disk key is bound to how the machine starts.", *seen_all
        )
    return passed("磁盘密钥已封存到 TPM。", "A disk key is sealed to the TPM.", *seen_all)


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
    Check(
        "disk.sealed",
        4,
        Impact.MEDIUM,
        Text(
            "磁盘密钥封存到 TPM",
            "换一个系统启动也能打开磁盘,或必须人工输入口令。",
            "运行 systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7 <设备>。",
        ),
        Text(
            "Disk key sealed to the TPM",
            "Another system opens the disk too, or somebody has to type a passphrase.",
            "Run systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7 <device>.",
        ),
        ("systemd-cryptenroll(1)", "fwupd HSI-4"),
        sealed,
    ),
)
