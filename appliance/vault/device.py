"""A device for the vault: what lies on it, and whether it may be taken. Standard library alone."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.vault.errors import DeviceRefused
from models.engines.process import run_tool

LEAST_BYTES: Final = 4 << 30
"""Room for the databases, the reference model and a few jobs."""
_HEAD: Final = 4 << 20
_TAIL: Final = 1 << 20
_SAMPLES: Final = 64
_SAMPLE: Final = 64 << 10
_PROBE_S: Final = 60


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One device as it was found; reading is all that was done to it.

    Args:
        path: as it was named.
        exists: whether anything is there.
        block: whether it is a block device.
        size: bytes.
        writable: whether this process may write to it.
        free: nobody holds it: not mounted, no swap, no mapping, none of its partitions in use.
        signature: kind and label of what blkid recognises, empty for nothing.
        uuid: the identifier of what blkid recognises.
        blank: head, tail and samples in between are all zero.
    """

    path: Path
    exists: bool = False
    block: bool = False
    size: int = 0
    writable: bool = False
    free: bool = False
    signature: str = ""
    uuid: str = ""
    blank: bool = False


def look(path: Path) -> DeviceFacts:
    """Read what is on a device. It takes a moment, and needs the right to open it."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return DeviceFacts(path)
    block = stat.S_ISBLK(mode)
    if not block and not stat.S_ISREG(mode):
        return DeviceFacts(path, exists=True)
    free = _nobody_holds(path, block=block)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return DeviceFacts(path, exists=True, block=block)
    try:
        size = os.lseek(handle, 0, os.SEEK_END)
        blank = _blank(handle, size)
    except OSError:
        size, blank = 0, False
    finally:
        os.close(handle)
    signature, uuid = _probe(path)
    writable = os.access(path, os.W_OK)
    return DeviceFacts(path, True, block, size, writable, free, signature, uuid, blank)


def judge(facts: DeviceFacts, *, erase: bool, ours: str = "", least: int = LEAST_BYTES) -> None:
    """Pass, or say why this device is not taken.

    Args:
        facts: the device.
        erase: a person said that whatever is on it may go.
        ours: the identifier that an interrupted attempt of this very box wrote, or empty.
        least: how many bytes it must have.

    Raises:
        DeviceRefused: with the reason; nothing was written.
    """
    reason = _objection(facts, least)
    if reason is None and not erase and not (ours and facts.uuid == ours):
        if facts.signature:
            zh, en = f"上面有 {facts.signature}", f"it holds {facts.signature}"
            reason = zh, en
        elif not facts.blank:
            reason = "上面有数据(未识别的内容)", "there is data of an unknown kind on it"
    if reason is not None:
        raise DeviceRefused(device=facts.path, reason_zh=reason[0], reason_en=reason[1])


def _objection(facts: DeviceFacts, least: int) -> tuple[str, str] | None:
    if not facts.exists:
        return "没有这个设备", "there is no such device"
    if not facts.block:
        return "不是磁盘或分区", "it is neither a disk nor a partition"
    if not facts.writable:
        return "本用户不能写入(需要 root)", "this user may not write to it (root may)"
    if not facts.free:
        return "正在被使用(已挂载、作为交换区或属于其他设备)", (
            "it is in use: mounted, swapped to, or part of another device"
        )
    if facts.size < least:
        gib = round(facts.size / (1 << 30), 1)
        need = round(least / (1 << 30), 1)
        return f"只有 {gib} GiB,至少需要 {need} GiB", f"it has {gib} GiB, {need} GiB are needed"
    return None


def _nobody_holds(path: Path, *, block: bool) -> bool:
    if not block:
        return True
    try:
        # The kernel refuses an exclusive opening of what is mounted, mapped, or partly so (open(2)).
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _blank(handle: int, size: int) -> bool:
    places = [(0, _HEAD), (max(size - _TAIL, 0), _TAIL)]
    places += [(size * number // _SAMPLES, _SAMPLE) for number in range(_SAMPLES)]
    return not any(any(os.pread(handle, length, place)) for place, length in places)


def _probe(path: Path) -> tuple[str, str]:
    """Kind and identifier of what blkid(8) finds; what cannot be looked at counts as something."""
    try:
        told = run_tool(("blkid", "--probe", "--output", "export", str(path)), _PROBE_S)
    except TimeoutError:
        return "?", ""
    except OSError as error:
        # blkid(8): 2 means that nothing was found.
        return ("", "") if error.errno == errno.ENOENT else ("?", "")
    if told is None:
        return "?", ""
    said = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    kind = said.get("TYPE") or said.get("PTTYPE") or "?"
    label = said.get("LABEL", "")
    return f"{kind} {label!r}" if label else kind, said.get("UUID", "")
