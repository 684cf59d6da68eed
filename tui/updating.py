"""What the screen of updates says of sticks, plans, packages and their history: pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.contract.job import Job
from appliance.contract.update import (
    ChangeView,
    InstalledView,
    RateView,
    UpdateHealth,
    UpdatePlan,
    UpdateStatus,
    UpdateView,
)
from tui import theme
from tui.inert import inert
from tui.theme import Sign
from tui.widgets.rowtable import Cell

_MOST: Final = 64
_MINUTE_S: Final = 120
_STEP: Final = 1024
_GAUGE: Final = 24
BUNDLE: Final = Sign("✔", "更新包", "bundle", theme.GOOD)
NO_BUNDLE: Final = Sign("–", "无", "none", theme.QUIET)
STATE: Final = {
    "verified": Sign("✔", "已校验", "verified", theme.GOOD),
    "refused": Sign("✖", "已拒绝", "refused", theme.BAD),
    "applied": Sign("✔", "已应用", "applied", theme.GOOD),
    "staged": Sign("…", "待安装", "staged", theme.WARN),
    "reverted": Sign("▲", "已撤回", "reverted", theme.WARN),
    "rolled-back": Sign("▲", "已退回", "rolled back", theme.WARN),
}
KINDS: Final = {
    "software": "软件 software",
    "models": "模型 model",
    "evaluations": "评测 evaluation",
    "baselines": "基线 baseline",
    "data": "数据 data",
}
PHASES: Final = {
    "read": "读取 reading",
    "copy": "复制 copying",
    "assemble": "组装 putting together",
    "judge": "检查 judging",
    "place": "就位 placing",
    "switch": "切换 switching",
}
KNOWN: Final = {
    "stick": "本介质实测 measured on this stick",
    "earlier": "据以往更新 from earlier updates",
    "assumed": "尚无实测,保守估计 a guess: not measured yet",
}
WHAT: Final = {
    "new": ("+", "新增 new", theme.GOOD),
    "newer": ("↑", "更新 newer", theme.GOOD),
    "older": ("↓", "降级 older", theme.WARN),
    "same": ("=", "不变 same", theme.QUIET),
}
NO_STICK: Final = "没有介质:插入后自动出现,或按 a 指定目录。 No stick: it shows up when it is mounted, or a names a folder."
UNTRUSTED: Final = (
    "尚未信任任何供应商:在本机运行 wardbox update trust ROOT.json 并电话核对指纹。 "
    "No vendor is trusted yet: run `wardbox update trust ROOT.json` on the box, compare the fingerprint."
)


def stick_rows(status: UpdateStatus, named: Sequence[str]) -> dict[str, tuple[Cell, ...]]:
    """Mounted sticks, and folders that a person named."""
    rows: dict[str, tuple[Cell, ...]] = {
        one.directory: (one.directory, BUNDLE if one.bundle else NO_BUNDLE)
        for one in islice(status.sticks, _MOST)
    }
    asked = Sign("?", "指定", "named", theme.QUIET)
    return rows | {place: (place, asked) for place in named if place not in rows}


def package_rows(installed: Sequence[InstalledView]) -> dict[str, tuple[Cell, ...]]:
    """What sticks brought, with what a rollback would bring back."""
    return {
        f"{one.kind}/{one.id}": (
            KINDS[one.kind],
            one.id,
            one.version,
            one.previous or "–",
            f"{one.time:%m-%d %H:%M}",
        )
        for one in islice(installed, _MOST)
    }


def history_rows(seen: Sequence[UpdateView]) -> dict[str, tuple[Cell, ...]]:
    """What became of bundles, newest first; the state stands first, for a narrow screen."""
    return {
        f"{at}-{one.id}": (
            f"{one.time:%m-%d %H:%M}",
            STATE[one.state],
            f"{one.subject or '–'} {one.version}".strip(),
        )
        for at, one in enumerate(islice(seen, _MOST))
    }


def standing(status: UpdateStatus) -> Content:
    """Release, trusted vendor, and what waits for the installer, in a line or two."""
    trust = status.trust
    parts: list[str | tuple[str, str]] = [(f"软件 release {inert(status.release, 20)}", "bold")]
    if trust is None:
        parts.append((f"\n▲ {UNTRUSTED}", theme.WARN))
    else:
        keys = f"{trust.threshold}/{len(trust.keys)}"
        parts.append(
            f" · 信任根 root v{trust.version} {keys} → {trust.expires:%Y-%m-%d}"
            f" · {inert(trust.fingerprint, 64)[:16]}…"
        )
    pending = status.pending
    if pending is not None:
        wanted = "上一版本 the one before" if pending.rollback else inert(pending.version, 40)
        told = pending.told
        more = f" · {inert(told.zh, 80)} {inert(told.en, 80)}" if told else ""
        parts.append((f"\n… 待安装 waiting for the installer: {wanted}{more}", theme.WARN))
    return Content.assemble(*parts)


def plan_told(directory: str, plan: UpdatePlan, *, wide: bool) -> Content:
    """What applying a stick would do: why not, if it cannot; package by package; time and room."""
    parts: list[str | Content | tuple[str, str]] = [
        (f"{inert(directory, 60)}", "bold"),
        f" · {inert(plan.bundle, 16)} · 签名 signed {plan.signed_at:%Y-%m-%d}",
    ]
    if plan.overridden:
        parts.append(("\n▲ 已过期,经两人批准 expired: two people let it pass", theme.WARN))
    parts += [
        (f"\n✖ {inert(one.sentence, 300)}\n  → {inert(one.way_out, 200)}", theme.BAD)
        for one in plan.hindrances
    ]
    away = span(plan.downtime_s) if plan.downtime_s else "无 none"
    schema = f" · 数据库 schema → {plan.schema_after}" if plan.schema_after is not None else ""
    parts.append(
        f"\n用时 time ~{span(plan.seconds)} · 停机 downtime {away} · 复制 copy {size(plan.copies)}"
        f" · 空间 space {size(plan.needs)} / {size(plan.free)}{schema}"
    )
    parts += [_change(one, wide=wide) for one in islice(plan.changes, _MOST)]
    if plan.pace is not None:
        parts.append(
            f"\n复制 copying {_rate(plan.pace.copying)} · 安装 making {_rate(plan.pace.making)}"
        )
    if plan.log_steps:
        parts.append(f"\n审计日志 audit log + {inert(', '.join(plan.log_steps), 200)}")
    return Content.assemble(*parts)


def _rate(one: RateView) -> str:
    return f"{size(one.bytes_s)}/s ({KNOWN[one.known]})"


def _change(one: ChangeView, *, wide: bool) -> Content:
    mark, words, style = WHAT[one.what]
    before = inert(one.before, 24) if one.before else "–"
    way = "不停机 live" if one.live else f"停机 ~{span(one.downtime_s)}"
    return Content.assemble(
        (f"\n{mark} ", style),
        f"{KINDS[one.kind]} {inert(one.id, 40)}  {before} → {inert(one.after, 24)}  ",
        (words, style),
        f"  {size(one.size)}  {way}" if wide else f"  {way}",
    )


def size(count: int) -> str:
    """Bytes in their largest unit."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < _STEP:
            break
        amount, unit = amount / _STEP, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def span(seconds: int) -> str:
    """A time span, in minutes from two of them on."""
    return f"{seconds} s" if seconds < _MINUTE_S else f"{round(seconds / 60)} min"


def question(directory: str, plan: UpdatePlan) -> str:
    """What is asked before a stick is applied."""
    count = sum(one.what != "same" for one in plan.changes)
    away = (
        f"停机约 {span(plan.downtime_s)} downtime. " if plan.downtime_s else "不停机 no downtime. "
    )
    return (
        f"应用 {inert(directory, 60)}?{count} 项变更,约 {span(plan.seconds)},{away}"
        f"Apply it? {count} changes, about {span(plan.seconds)}."
    )


def job_told(job: Job) -> Content:
    """How far a job is, or how it ended."""
    sign = theme.JOB[job.state].content()
    if job.fault is not None:
        sentence, way_out = inert(job.fault.sentence, 400), inert(job.fault.way_out, 300)
        return Content.assemble(sign, (f"\n✖ {sentence}\n→ {way_out}", theme.BAD))
    if job.result is not None:
        told = inert(str(job.result.get("sentence", "")), 300)
        return Content.assemble(sign, f"  {told}")
    return Content.assemble(sign, "  ", *_progress(job.progress or {}))


def _progress(at: Mapping[str, object]) -> Iterator[str]:
    phase = PHASES.get(str(at.get("phase")), "")
    share = at.get("fraction")
    if phase:
        yield f"{phase} {inert(str(at.get('package', '')), 60)} "
    if isinstance(share, int | float):
        yield f"{theme.bar(float(share), _GAUGE)} {share:.0%}"


def health_told(health: UpdateHealth) -> Content:
    """Every check with what it found."""
    lines: list[str | tuple[str, str]] = []
    for one in health.checks:
        mark, style = ("✔", theme.GOOD) if one.ok else ("✖", theme.BAD)
        lines.append((f"{mark} {inert(one.name, 12):<9} ", style))
        lines.append(f"{inert(one.told.zh, 200)} {inert(one.told.en, 200)} ({one.seconds:.1f} s)\n")
    return Content.assemble(*lines)


def seen_told(one: UpdateView) -> Content:
    """All of one line of the history."""
    kinds = ", ".join(KINDS.get(kind, kind) for kind in one.kind.split(", ") if kind)
    return Content.assemble(
        STATE[one.state].content(),
        f"  {inert(one.id, 16)} · {one.time:%Y-%m-%d %H:%M} UTC · {inert(kinds, 80)}\n",
        inert(one.sentence, 500),
    )
