"""What the storage screen says about back end, space and backups: pure."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.contract.backup import BackupList, BackupRun, BackupTargetView
from appliance.contract.job import Job
from appliance.contract.storage import AreaView, FindingView, StorageView
from tui import theme
from tui.inert import inert
from tui.theme import Sign

BACK_ENDS: Final = {"luks": "LUKS2", "embedded": "SQLCipher + gocryptfs"}
AREAS: Final = {
    "shelf": "模型架 shelf",
    "datasets": "数据集 datasets",
    "jobs": "任务 jobs",
    "audit": "审计 audit",
    "bodies": "正文 bodies",
    "staging": "暂存 staging",
}
BACKUP: Final = "backup"
DID: Final = {"create": "备份 backup", "verify": "核验 check", "drill": "演练 drill"}
_MOST: Final = 64
_FULL: Final = 0.9
_LATE_S: Final = {"create": 2 * 86_400, "verify": 14 * 86_400, "drill": 62 * 86_400}
"""After twice the time between two of the schedule something did not happen."""


def storage(seen: StorageView, *, wide: bool) -> Content:
    """Back end, disk and areas; what is not well stands last, the worst first."""
    parts: list[str | Content | tuple[str, str]] = [
        (BACK_ENDS.get(seen.backend, inert(seen.backend, 20)), "bold"),
        f" · {inert(seen.suite, 20)} · ",
        counts(seen.findings),
        ("  h 详情 details\n", theme.QUIET),
        *(_why(seen) if wide else ()),
        *_disk(seen, wide=wide),
    ]
    areas = [_area(area) if wide else _short(area) for area in seen.space.areas]
    across = 1 if wide else 3
    for at in range(0, len(areas), across):
        parts += ["\n", *areas[at : at + across]]
    for finding in islice(worst(seen.findings), 1):
        # Twenty-four rows hold a finding where it is bad; the others are counted above.
        if wide or finding.verdict == "bad":
            sign = theme.FINDING[finding.verdict]
            told = f"\n{sign.mark} {inert(finding.told.zh, 120)} {inert(finding.told.en, 200)}"
            parts.append((told, sign.style))
    return Content.assemble(*parts)


def _why(seen: StorageView) -> list[str]:
    """Why this back end; a narrow screen leaves it to the page of details."""
    return [
        f"{inert(one.told.zh, 120)} {inert(one.told.en, 200)}\n"
        for one in seen.findings
        if one.subject == "backend"
    ][:1]


def _disk(seen: StorageView, *, wide: bool) -> list[str | Content | tuple[str, str]]:
    space = seen.space
    if not space.total:
        return [("磁盘尚未测量。 The disk has not been measured yet.", theme.QUIET)]
    used = 1 - (space.free + space.reserve) / space.total
    sign = theme.SPACE[space.level]
    reserve = f" · 日志预留 log reserve {theme.gigabytes(space.reserve)}" if wide else ""
    return [
        f"磁盘 disk {theme.bar(used, 8)} {used:4.0%} / {theme.gigabytes(space.total)} ",
        sign.content(),
        (f" · 可用 free {theme.gigabytes(space.free)}{reserve}", theme.QUIET),
    ]


def _area(area: AreaView) -> Content:
    """One area in a line, with a gauge where it has a quota."""
    name = _cells(AREAS.get(area.name, inert(area.name, 16)), 17)
    if not area.quota:
        return Content(f"{name} {theme.gigabytes(area.used):>9}   不限 no quota")
    share = area.used / area.quota
    told = f"{name} {theme.gigabytes(area.used):>9} / {theme.gigabytes(area.quota):<9} {theme.bar(share, 20)} {share:4.0%}"
    return Content.assemble((told, theme.WARN if share >= _FULL else ""))


def _short(area: AreaView) -> Content:
    """One area in 25 cells: three of them fill a narrow panel."""
    name = AREAS.get(area.name, inert(area.name, 12))
    used = round(area.used / 2**30)
    if not area.quota:
        return Content(_cells(f"{name} {used}G", 25))
    full = area.used >= area.quota * _FULL
    told = f"{'▲' if full else ''}{name} {used}/{round(area.quota / 2**30)}G"
    return Content.assemble((_cells(told, 25), theme.WARN if full else ""))


def _cells(text: str, width: int) -> str:
    """Text padded to a width in terminal cells, where a Chinese sign takes two."""
    return text + " " * max(0, width - Content(text).cell_length)


def worst(findings: Sequence[FindingView]) -> list[FindingView]:
    """What is not well, bad things first."""
    return [one for verdict in ("bad", "warning") for one in findings if one.verdict == verdict]


def counts(findings: Sequence[FindingView]) -> Content:
    """How many findings stand how."""
    verdicts = [one.verdict for one in findings]
    return Content(" ").join(
        Content.assemble((f"{sign.mark} {verdicts.count(verdict)}", sign.style))
        for verdict, sign in theme.FINDING.items()
        if verdict in verdicts
    )


def health_lines(findings: Sequence[FindingView]) -> Content:
    """Every finding in full, Chinese and English."""
    parts: list[str | Content | tuple[str, str]] = []
    for one in islice([*worst(findings), *findings], _MOST):
        if one.verdict == "ok" or one in worst(findings):
            sign = theme.FINDING[one.verdict]
            line = (f"{sign.mark} {inert(one.told.zh, 400)}\n", sign.style)
            if line not in parts:
                parts += [line, (f"  {inert(one.told.en, 600)}\n", theme.QUIET)]
    return Content.assemble(*parts).rstrip()


def backup_rows(
    seen: BackupList, jobs: Sequence[Job], now: datetime
) -> dict[str, tuple[str | Sign, ...]]:
    """One row for each target: age and size of the newest backup, the last check and drill."""
    return {
        one.name: (
            one.name,
            at_work(one.name, jobs) or _aged(one.created, now, "create"),
            _size(one),
            _aged(one.verified, now, "verify"),
            _aged(one.drilled, now, "drill"),
        )
        for one in islice(seen.targets, _MOST)
    }


def at_work(target: str, jobs: Sequence[Job]) -> Sign | None:
    """What is being done with a target now."""
    for job in jobs:
        if job.kind == BACKUP and job.spec.get("target") == target:
            if job.state == "running":
                return Sign("▶", DID.get(str(job.spec.get("what")), "…"), "", theme.GOOD)
            if job.state == "queued":
                return Sign("…", "排队", "queued", theme.QUIET)
    return None


def _aged(run: BackupRun | None, now: datetime, what: str) -> Sign:
    if run is None:
        return Sign("?", "从未", "never", theme.WARN)
    seconds = (now - run.time).total_seconds()
    age = short_age(seconds)
    if not run.ok:
        return Sign("✖", "失败", age, theme.BAD)
    late = seconds > _LATE_S[what]
    return Sign("▲", age, "前 ago", theme.WARN) if late else Sign("✔", age, "前 ago", theme.GOOD)


def short_age(seconds: float) -> str:
    """A time span in its largest unit: `12 m`, `5 h`, `3 d`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "<1 m"


def _size(target: BackupTargetView) -> str:
    if not target.snapshots:
        return "–"
    return bytes_told(target.snapshots[0].size)


def bytes_told(count: int) -> str:
    """A number of bytes in MiB, or GiB."""
    return theme.gigabytes(count) if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def target_told(one: BackupTargetView) -> Content:
    """The chosen target: where it is, its newest snapshot, and what the last runs said."""
    parts: list[str | Content | tuple[str, str]] = [
        (f"{inert(one.name, 40)} ", "bold"),
        f"{inert(one.kind, 12)} {inert(one.place, 80)}",
    ]
    if one.snapshots:
        last = one.snapshots[0]
        parts.append(
            f" · #{last.number} {last.time:%m-%d %H:%M} UTC · {last.files:,} 文件 files · "
            f"+{bytes_told(last.added)} · {len(one.snapshots)} 个快照 snapshots"
        )
    for run in (one.created, one.verified, one.drilled):
        if run is not None and not run.ok:
            hurt = " · ".join(inert(each, 120) for each in run.damaged[:3])
            parts.append((f"\n✖ {inert(run.sentence, 300)} {hurt}".rstrip(), theme.BAD))
    return Content.assemble(*parts)
