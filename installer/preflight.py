"""Preflight: judges whether this machine can carry a box, before anything is changed."""

import os
import shutil
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.errors import ApplianceError
from appliance.vault.choice import AUTO, LABELLED, LUKS
from appliance.vault.device import judge as judge_device
from appliance.vault.device import look
from appliance.vault.luks_support import detect_luks, judge_luks
from installer.answers import Answers
from installer.errors import NotFit
from installer.unit import started_box, unit_path

NEED_DISK = 6 * 1024**3
NEED_MEMORY = 3 * 1024**3
PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Ground:
    """Facts about the machine that decide: gathered once, judged without touching it again."""

    python: tuple[int, int]
    aes: bool
    fuse: bool
    free_disk: int
    memory: int
    port_free: bool
    port_owner_is_ours: bool
    luks: bool = False
    storage: "Finding | None" = None
    other_box: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands in the way, in both languages."""

    zh: str
    en: str


def survey(state: Path, answers: Answers, *, ours: bool, root: Path = Path("/")) -> Ground:
    """Look at the machine. `ours` tells that a box of this state directory already holds the port."""
    cpu = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return Ground(
        python=sys.version_info[:2],
        aes=_has_aes(cpu),
        fuse=os.access(root / "dev/fuse", os.R_OK | os.W_OK),
        free_disk=shutil.disk_usage(_existing(state)).free,
        memory=_memory(root / "proc/meminfo"),
        port_free=_port_free(answers.address, answers.port),
        port_owner_is_ours=ours,
        luks=answers.storage.startswith(LUKS),
        storage=None if ours else _storage(answers),
        other_box=_other_box(state, answers, root / "run/systemd/system"),
    )


def judge(ground: Ground, answers: Answers) -> tuple[Finding, ...]:
    """All findings that forbid an installation, none if the machine is fit."""
    found = []
    if ground.python != PYTHON:
        have = ".".join(map(str, ground.python))
        found.append(
            Finding(
                f"需要 Python 3.11,当前是 {have}(Debian 12:apt-get install python3 python3-venv)",
                f"Python 3.11 is needed, this is {have} (Debian 12: apt-get install python3 python3-venv)",
            )
        )
    if not ground.aes:
        found.append(
            Finding(
                "处理器没有 AES 指令,加密保险库会慢到无法使用;请换一台机器或在虚拟机设置中开放 AES-NI",
                "the processor has no AES instructions, the vault would be unusably slow; use another"
                " machine, or pass AES-NI through in the hypervisor's settings",
            )
        )
    if ground.storage is not None:
        found.append(ground.storage)
    if not ground.fuse and not ground.luks:
        found.append(
            Finding(
                "不能打开 /dev/fuse,模型文件无法加密存放;请运行 modprobe fuse 并允许本用户读写它,容器中请加 --device /dev/fuse",
                "/dev/fuse cannot be opened, model files could not be kept encrypted; run modprobe fuse"
                " and let this user read and write it, in a container add --device /dev/fuse",
            )
        )
    if ground.free_disk < NEED_DISK:
        free = ground.free_disk / 1024**3
        found.append(
            Finding(
                f"磁盘只剩 {free:.1f} GiB,至少需要 6 GiB;请清理或用 --state 换一个目录",
                f"only {free:.1f} GiB of disk is free, 6 GiB is needed; make room or choose --state",
            )
        )
    if ground.memory < NEED_MEMORY:
        have_gib = ground.memory / 1024**3
        found.append(
            Finding(
                f"内存 {have_gib:.1f} GiB,至少需要 3 GiB",
                f"{have_gib:.1f} GiB of memory, at least 3 GiB is needed",
            )
        )
    return (*found, *_taken(ground, answers))


def _taken(ground: Ground, answers: Answers) -> list[Finding]:
    """What somebody else on this machine has already."""
    found = []
    if not ground.port_free and not ground.port_owner_is_ours:
        found.append(
            Finding(
                f"端口 {answers.port} 已被其他程序占用;请停止该程序,或在应答文件中设置 port",
                f"port {answers.port} is taken by another program; stop it, or set port in the answers file",
            )
        )
    if ground.other_box is not None:
        other = ground.other_box
        found.append(
            Finding(
                f'systemd 已负责启动另一台一体机 {other};请先卸载它,或在应答文件中设置 service = "background"',
                f"systemd starts another box on this machine, {other}; uninstall that one, or set"
                ' service = "background" in the answers file',
            )
        )
    return found


def require_fit(state: Path, answers: Answers, *, ours: bool) -> None:
    """Raise NotFit with every finding at once."""
    findings = judge(survey(state, answers, ours=ours), answers)
    if findings:
        raise NotFit(
            findings_zh="\n".join(f"  - {finding.zh}" for finding in findings),
            findings_en="\n".join(f"  - {finding.en}" for finding in findings),
        )


def may_be_luks(wish: str) -> bool:
    """Whether LUKS2 may be chosen, so that its programs are wanted."""
    return wish.startswith(LUKS) or (wish == AUTO and os.geteuid() == 0 and LABELLED.exists())


def _storage(answers: Answers) -> Finding | None:
    """Why the device that was named will not do; programs may be missing, the next step brings them."""
    if not answers.storage.startswith(LUKS):
        return None
    try:
        judge_luks(replace(detect_luks(), missing=()))
        device = Path(answers.storage.removeprefix(LUKS))
        judge_device(look(device), erase=answers.storage_erase)
    except ApplianceError as error:
        return Finding(
            f"{error.sentence_zh}{error.way_out_zh}", f"{error.sentence_en} {error.way_out_en}"
        )
    return None


def _other_box(state: Path, answers: Answers, systemd: Path) -> str | None:
    """The box that this machine's unit starts, where this one would take its place."""
    if answers.service not in {"auto", "systemd"} or not systemd.is_dir():
        return None
    other = started_box(unit_path())
    stands = other is not None and Path(other) != state and Path(other).exists()
    return other if stands else None


def _has_aes(cpuinfo: str) -> bool:
    flags = [line for line in cpuinfo.splitlines() if line.startswith(("flags", "Features"))]
    return bool(flags) and "aes" in flags[0].split()


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _memory(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="utf-8").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _port_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
