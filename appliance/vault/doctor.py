"""What a doctor says about storage: the back end in use and why, and what is not as it should be."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.settings.layout import StateLayout
from appliance.vault.errors import VaultDamaged, VaultUnsupported
from appliance.vault.luks_support import detect_luks, judge_luks, lacking
from appliance.vault.mount import is_mounted
from appliance.vault.outcome import LOST_EN, LOST_ZH
from appliance.vault.record import UNRECORDED, StorageRecord, read_record
from appliance.vault.support import detect, judge

Verdict = Literal["ok", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do if it is not well."""

    subject: str
    verdict: Verdict
    zh: str
    en: str


def examine(layout: StateLayout, root: Path = Path("/")) -> tuple[Finding, ...]:
    """Look at the storage of a box, locked or not; needs no running box and changes nothing.

    Args:
        layout: where the box keeps its state.
        root: where the machine's file system begins; another one in tests.
    """
    try:
        record = read_record(layout) or UNRECORDED
    except VaultDamaged as error:
        return (Finding("backend", "bad", error.sentence_zh, error.sentence_en),)
    return (*_back_end(record), *_machine(record, root), *_device(layout, record), *_swap(root))


def _back_end(record: StorageRecord) -> Iterator[Finding]:
    if record.backend == "luks":
        zh, en = f"LUKS2 · {record.device}。", f"LUKS2 on {record.device}."
        yield Finding("backend", "ok", zh + record.why_zh, f"{en} {record.why_en}")
        return
    zh, en = "内置方式(SQLCipher 与 gocryptfs)。", "Embedded: SQLCipher and gocryptfs."
    yield Finding("backend", "ok", zh + record.why_zh, f"{en} {record.why_en}")
    yield Finding("weaker", "warning", LOST_ZH, LOST_EN)


def _machine(record: StorageRecord, root: Path) -> Iterator[Finding]:
    try:
        if record.backend == "luks":
            judge_luks(detect_luks(root))
        else:
            judge(detect(root))
    except VaultUnsupported as error:
        yield Finding(
            "machine",
            "bad",
            f"{error.sentence_zh}{error.facts['fix_zh']}",
            f"{error.sentence_en} {error.facts['fix_en']}",
        )
    else:
        yield Finding("machine", "ok", "机器具备所需的一切。", "The machine has all that it takes.")
    if record.backend == "embedded" and lacking(detect_luks(root)) is None:
        yield Finding(
            "better",
            "warning",
            "这台机器可以使用 LUKS2:在空白分区上重新安装,再从备份恢复(docs/operate/storage.md)。",
            "This machine could use LUKS2: install on a blank partition and restore a backup "
            "(docs/operate/storage.md).",
        )


def _device(layout: StateLayout, record: StorageRecord) -> Iterator[Finding]:
    if record.backend != "luks":
        return
    if record.stage != "ready":
        zh, en = (
            "磁盘尚未建成,请重新运行 ./install.sh。",
            "The device is unfinished: run ./install.sh again.",
        )
        yield Finding("device", "bad", zh, en)
        return
    found = Path("/dev/disk/by-uuid") / record.uuid
    if not found.exists() and not Path(record.device).exists():
        zh, en = f"没有找到磁盘 {record.uuid}。", f"The disk {record.uuid} is not there."
        yield Finding("device", "bad", zh, en)
    if layout.luks_header.exists():
        yield Finding("header", "ok", "LUKS 头有副本。", "There is a copy of the LUKS header.")
    else:
        yield Finding(
            "header",
            "warning",
            "缺少 LUKS 头的副本,请运行 wardbox storage copy-header。",
            "The copy of the LUKS header is missing: run wardbox storage copy-header.",
        )
    if is_mounted(layout.vault):
        free = shutil.disk_usage(layout.vault)
        gib = round(free.free / (1 << 30), 1)
        yield Finding("space", "ok", f"加密盘剩余 {gib} GiB。", f"{gib} GiB are free on it.")


def _swap(root: Path) -> Iterator[Finding]:
    """Swap that is not encrypted may hold what the vault protects."""
    try:
        lines = (root / "proc/swaps").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except OSError:
        return
    plain = [line.split()[0] for line in lines if not _kept_in_memory(line, root)]
    if plain:
        names = ", ".join(plain)
        yield Finding(
            "swap",
            "warning",
            f"交换区 {names} 未加密:请关闭(swapoff -a),或用 crypttab 的 swap 选项加密。",
            f"Swap on {names} is not encrypted: turn it off (swapoff -a), or encrypt it by the swap "
            "option of crypttab.",
        )
    else:
        yield Finding("swap", "ok", "没有未加密的交换区。", "No swap is unencrypted.")


def _kept_in_memory(line: str, root: Path) -> bool:
    """Whether a swap area is compressed memory or a crypt mapping, by what sysfs tells of it."""
    name = Path(line.split(maxsplit=1)[0]).name
    if name.startswith("zram"):
        return True
    try:
        kind = (root / "sys/class/block" / name / "dm/uuid").read_text(encoding="ascii")
    except OSError:
        return False
    return kind.startswith("CRYPT-")
