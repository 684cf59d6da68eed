"""What the posture screen says: level, findings by impact, remedies, and the course: pure."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.contract.posture import CheckView, PostureReport, PostureRun
from tui import theme
from tui.inert import inert
from tui.theme import Sign

TOP_LEVEL: Final = 4
_MOST: Final = 200
_GAUGE: Final = 12
_SHOWN: Final = 6
_GRAVE: Final = {"fail": 0, "error": 1, "warn": 2, "unknown": 3, "pass": 4, "not_applicable": 5}
_WELL: Final = frozenset({"pass", "not_applicable"})
IMPACT: Final = {
    "critical": Sign("‼", "严重", "critical", theme.BAD),
    "high": Sign("▲", "高", "high", theme.BAD),
    "medium": Sign("△", "中", "medium", theme.WARN),
    "low": Sign("·", "低", "low", theme.QUIET),
}
_ORDER: Final = {name: place for place, name in enumerate(IMPACT)}
FOLLOWED: Final = {
    "nothing": Sign("–", "无后果", "nothing followed", theme.QUIET),
    "warn": Sign("▲", "已警告", "warned", theme.WARN),
    "stop-training": Sign("‖", "训练已停", "training is stopped", theme.BAD),
    "lock-vault": Sign("■", "保险库已锁定", "the vault was locked", theme.BAD),
}
_BLOCKS: Final = "▁▂▄▆█"
_SHADES: Final = (theme.BAD, theme.WARN, theme.WARN, theme.GOOD, theme.GOOD)
REASONS: Final = {
    "boot": "启动 boot",
    "night": "每晚 night",
    "update": "更新 update",
    "asked": "人工 asked",
}


def glance(report: PostureReport, *, wide: bool = True) -> Content:
    """Level, counts, what is missing for the next level, and what the box did."""
    summary = report.summary
    level = max(0, min(TOP_LEVEL, summary.level))
    checked = "尚未 not yet" if summary.checked is None else f"{summary.checked:%Y-%m-%d %H:%M} UTC"
    followed = FOLLOWED[report.followed.consequence]
    named = f" · {inert(summary.digest[:12])}…" if wide else ""
    parts: list[str | Content | tuple[str, str]] = [
        theme.VERDICT[summary.verdict].content(),
        (f"  等级 level {level}/{TOP_LEVEL} ", "bold"),
        (theme.bar(level / TOP_LEVEL, _GAUGE), _SHADES[level]),
        f" {inert(summary.sentence.zh, 40)} {inert(summary.sentence.en, 60)}\n",
        f"✔ {summary.passed}  ✖ {summary.failed}  ? {summary.unknown}   ",
        followed.content(),
        (f"   {checked}{named}\n", theme.QUIET),
    ]
    if report.missing:
        more = len(report.missing) - _SHOWN
        named = ", ".join(inert(one, 50) for one in report.missing[:_SHOWN])
        tail = f" +{more}" if more > 0 else ""
        parts.append(f"到 {level + 1} 级尚缺 for the next level: {named}{tail}")
    else:
        parts.append(
            ("已是最高等级。 This is the top level.", theme.GOOD) if level == TOP_LEVEL else "–"
        )
    return Content.assemble(*parts)


def finding_rows(
    checks: Sequence[CheckView], *, everything: bool
) -> dict[str, tuple[str | Sign, ...]]:
    """One row for each finding, the gravest first; with `everything` also for what is well."""
    ordered = sorted(
        (one for one in checks if everything or one.verdict not in _WELL),
        key=lambda one: (
            one.verdict in _WELL,
            _ORDER.get(one.severity, 0),
            _GRAVE.get(one.verdict, 0),
            one.id,
        ),
    )
    return {
        one.id: (
            IMPACT.get(one.severity, IMPACT["critical"]),
            theme.VERDICT[one.verdict],
            one.id,
            f"{one.title.zh} {one.title.en}",
        )
        for one in islice(ordered, _MOST)
    }


def finding_told(check: CheckView) -> Content:
    """What a check found, and what to do."""
    parts: list[str | Content | tuple[str, str]] = [
        f"{inert(check.found.zh, 200)} {inert(check.found.en, 300)}"
    ]
    if check.verdict not in _WELL:
        parts.append(
            (f"\n→ {inert(check.remedy.zh, 300)} {inert(check.remedy.en, 400)}", theme.WARN)
        )
    return Content.assemble(*parts)


def finding_page(check: CheckView) -> Content:
    """A check in full: what it found, what that means, what to do, what it saw, and where it is written."""
    sign = theme.VERDICT[check.verdict]
    parts: list[str | Content | tuple[str, str]] = [
        sign.content(),
        f"  {inert(check.title.zh, 80)} {inert(check.title.en, 120)}\n",
        (
            f"{inert(check.id, 80)} · 等级 level {check.level} · {inert(check.severity, 20)}\n\n",
            theme.QUIET,
        ),
        f"{inert(check.found.zh, 300)} {inert(check.found.en, 400)}\n",
    ]
    if check.harm is not None:
        parts.append(f"{inert(check.harm.zh, 300)} {inert(check.harm.en, 400)}\n")
    parts.append((f"→ {inert(check.remedy.zh, 400)} {inert(check.remedy.en, 500)}\n", theme.WARN))
    parts += [
        f"\n  {inert(seen.source, 200)}: {inert(seen.value, 400)}"
        for seen in check.evidence[:_MOST]
    ]
    if check.references:
        named = "; ".join(inert(one, 120) for one in check.references[:_SHOWN])
        parts.append((f"\n\n{named}", theme.QUIET))
    return Content.assemble(*parts)


def course(runs: Sequence[PostureRun], width: int, *, tall: bool) -> Content:
    """The level of each run, oldest left: one line of blocks, or four lines where there is room.

    Args:
        runs: Newest first, as the box tells them.
        width: Cells that there are.
        tall: Whether four lines are to be had.
    """
    shown = list(reversed(runs[: max(1, width - 4)]))
    if not shown:
        return Content("还没有历史。 No history yet.")
    parts: list[str | Content | tuple[str, str]] = []
    if tall:
        for row in range(TOP_LEVEL, 0, -1):
            parts.append((f"{row} ", theme.QUIET))
            parts += [_cell(run, row) for run in shown]
            parts.append("\n")
    else:
        parts += [(_BLOCKS[_level(run)], _SHADES[_level(run)]) for run in shown]
        parts.append("\n")
    first, last = shown[0], shown[-1]
    reason = REASONS.get(last.reason, inert(last.reason, 20))
    span = f"{first.checked:%Y-%m-%d} … {last.checked:%Y-%m-%d %H:%M} ({reason})"
    parts.append((f"{'  ' if tall else ''}{span}  {len(runs)} 次 runs", theme.QUIET))
    return Content.assemble(*parts)


def _cell(run: PostureRun, row: int) -> tuple[str, str]:
    level = _level(run)
    if level >= row:
        return ("█", _SHADES[level])
    return ("▁" if row == 1 else " ", _SHADES[level])


def _level(run: PostureRun) -> int:
    return max(0, min(TOP_LEVEL, run.level))
