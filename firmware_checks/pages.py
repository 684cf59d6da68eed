"""A report as text for a terminal and as one HTML page that needs nothing from outside."""

from html import escape
from types import MappingProxyType
from typing import Final

from firmware_checks.check import Impact, Outcome
from firmware_checks.report import TOP_LEVEL, Finding, Report

_MARKS: Final = MappingProxyType(
    {
        Outcome.PASS: ("✓", "通过", "pass"),
        Outcome.FAIL: ("✗", "未通过", "fail"),
        Outcome.NOT_APPLICABLE: ("-", "不适用", "not applicable"),
        Outcome.COULD_NOT_CHECK: ("?", "无法检查", "could not check"),
    },
)
_ORDER: Final = tuple(Impact)
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1f24}
h1{font-size:1.5rem}.level{font-size:1.25rem;font-weight:600}
table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #d0d7de;padding:.4rem .5rem;text-align:left;vertical-align:top}
.pass{color:#116329}.fail{color:#a40e26;font-weight:600}.could-not-check{color:#7d4e00}
.levels{width:auto}.levels td,.levels th{border:0}h2{font-size:1.15rem}li{margin:.6rem 0}
@media print{body{max-width:none;margin:0;font-size:11px}tr,li{break-inside:avoid}}
.not-applicable{color:#57606a}code{font-size:.85em;overflow-wrap:anywhere}small{color:#57606a}
"""


def as_text(report: Report) -> str:
    """Lines for a terminal: each check, the findings with their remedies, and the posture."""
    lines = []
    for finding in report.findings:
        mark, zh, en = _MARKS[finding.verdict.outcome]
        check = finding.check
        lines.append(f"{mark} L{check.level} {check.id:32s} {check.zh.title} {check.en.title}")
        if not finding.good:
            lines.append(f"       {zh} {en}: {finding.verdict.zh} {finding.verdict.en}")
            lines.extend(f"       {seen.source}: {seen.value}" for seen in finding.verdict.evidence)
    lines += _remedies(report)
    lines += ["", *_summary(report)]
    return "\n".join(lines)


def _remedies(report: Report) -> list[str]:
    failed = [found for found in report.findings if found.verdict.outcome is Outcome.FAIL]
    if not failed:
        return []
    lines = ["", "处理办法 What to do"]
    for finding in sorted(failed, key=_weight):
        check = finding.check
        lines.append(f"  [{check.impact.value}] {check.id}: {check.zh.remedy} {check.en.remedy}")
    return lines


def _weight(finding: Finding) -> int:
    return _ORDER.index(finding.check.impact)


def _summary(report: Report) -> list[str]:
    posture = report.posture
    lines = [f"等级 Posture level: {posture.level}/{TOP_LEVEL} {posture.label}"]
    lines.append(
        "  ".join(f"L{level} {good}/{total}" for level, good, total in _levels(report))
        + "  (合格/全部 good/all)"
    )
    if posture.next_level is not None:
        wanted = ", ".join(posture.missing)
        lines.append(
            f"到达 {posture.next_level} 级尚缺 Missing for level {posture.next_level}: {wanted}"
        )
    counts = ", ".join(
        f"{zh} {en} {report.counts[outcome.value]}" for outcome, (_, zh, en) in _MARKS.items()
    )
    return [*lines, counts, f"摘要 Digest: sha256:{report.digest}"]


def _levels(report: Report) -> list[tuple[int, int, int]]:
    """Each level with how many of its checks are good, and how many there are."""
    found: list[tuple[int, int, int]] = []
    for level in range(1, TOP_LEVEL + 1):
        of_level = [finding for finding in report.findings if finding.check.level == level]
        found.append((level, sum(finding.good for finding in of_level), len(of_level)))
    return found


def as_html(report: Report) -> str:
    """One page, for auditors: no scripts, no outside resources, every value escaped."""
    rows = "\n".join(_row(finding) for finding in report.findings)
    level, _, *rest = _summary(report)
    summary = "".join(f"<p>{escape(line)}</p>" for line in rest)
    bars = "".join(_bar(*found) for found in _levels(report))
    wrong = [found for found in report.findings if found.verdict.outcome is Outcome.FAIL]
    items = "".join(_item(finding) for finding in sorted(wrong, key=_weight))
    advice = f"<h2>处理办法 What to do</h2><ol>{items}</ol>" if items else ""
    return f"""<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>WardBox 固件检查 firmware checks</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>WardBox 固件检查 firmware checks</h1>
<p class="level">{escape(level)}</p>
<table class="levels">{bars}</table>
{summary}
{advice}
<h2>全部检查 All checks</h2>
<table>
<thead><tr><th>检查 Check</th><th>等级 Level</th><th>结果 Result</th><th>依据 Evidence</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def _bar(level: int, good: int, total: int) -> str:
    return (
        f'<tr><th>L{level}</th><td><meter min="0" max="{max(total, 1)}" value="{good}">'
        f"</meter></td><td>{good}/{total}</td></tr>"
    )


def _item(finding: Finding) -> str:
    check, verdict = finding.check, finding.verdict
    return (
        f"<li><strong>{escape(check.zh.title)} {escape(check.en.title)}</strong> "
        f"<small>{escape(check.id)} · {escape(check.impact.value)}</small><br>"
        f"{escape(verdict.zh)} {escape(verdict.en)}<br>"
        f"{escape(check.zh.harm)} {escape(check.en.harm)}<br>"
        f"{escape(check.zh.remedy)} {escape(check.en.remedy)}</li>"
    )


def _row(finding: Finding) -> str:
    check, verdict = finding.check, finding.verdict
    _, zh, en = _MARKS[verdict.outcome]
    evidence = "<br>".join(
        f"<code>{escape(seen.source)}: {escape(seen.value)}</code>" for seen in verdict.evidence
    )
    remedy = ""
    if verdict.outcome is Outcome.COULD_NOT_CHECK:
        remedy = f"<p>{escape(check.zh.remedy)} {escape(check.en.remedy)}</p>"
    return (
        f"<tr><td>{escape(check.zh.title)} {escape(check.en.title)}<br>"
        f"<small>{escape(check.id)} · {escape(check.impact.value)}</small></td>"
        f"<td>{check.level}</td>"
        f'<td><span class="{escape(verdict.outcome.value)}">{zh} {en}</span>'
        f"<p>{escape(verdict.zh)} {escape(verdict.en)}</p>{remedy}</td>"
        f"<td>{evidence}</td></tr>"
    )
