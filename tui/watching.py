"""What the audit screen says of those who watch the record from outside: witnesses and the SIEM. Pure."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.contract.outside import ForwardView, SecondKeyView, WitnessList, WitnessView
from tui import theme
from tui.inert import inert
from tui.keeping import short_age

_SHOWN: Final = 3
_MOST: Final = 64
HELD: Final = {"tpm": "TPM", "software": "软件 software"}


@dataclass(frozen=True, slots=True)
class WatchNow:
    """One look at them."""

    witnesses: WitnessList
    forward: ForwardView


def watch_line(seen: WatchNow, now: datetime, *, wide: bool) -> Content:
    """One line: second key, witnesses with their age, forwarding with what waits."""
    parts: list[str | Content | tuple[str, str]] = ["见证 witness "]
    if seen.witnesses.second.kind is not None:
        parts += [_second(seen.witnesses.second, now, wide=wide), "  "]
    for one in islice(seen.witnesses.witnesses, _SHOWN):
        parts += [_witness(one), "  "]
    more = len(seen.witnesses.witnesses) - _SHOWN
    if more > 0:
        parts.append((f"+{more}  ", theme.QUIET))
    if not seen.witnesses.witnesses:
        parts.append(("无外部见证 none outside  ", theme.QUIET))
    parts += ["转发 SIEM ", _forward(seen.forward, wide=wide)]
    if wide:
        parts.append(("  w 详情 details", theme.QUIET))
    return Content.assemble(*parts)


def _second(second: SecondKeyView, now: datetime, *, wide: bool) -> Content:
    name = "第二密钥 second key" if wide else "二钥 2nd"
    if second.trouble is not None:
        return Content.assemble((f"✖ {name} {inert(second.trouble, 20)}", theme.BAD))
    if second.time is None:
        return Content.assemble((f"? {name}", theme.WARN))
    age = short_age((now - second.time).total_seconds())
    return Content.assemble((f"✔ {name} {age}", theme.GOOD))


def _witness(one: WitnessView) -> Content:
    name, age = inert(one.name, 16), short_age(one.age_s)
    if one.time is None:
        return Content.assemble((f"? {name} 从未 never", theme.WARN))
    return Content.assemble(
        (f"▲ {name} {age}", theme.WARN) if one.stale else (f"✔ {name} {age}", theme.GOOD)
    )


def _forward(seen: ForwardView, *, wide: bool) -> Content:
    lag, waits = short_age(seen.lag_s) if seen.behind else "0", f"{seen.behind:,}"
    if seen.state == "off":
        told = ("未设 off", theme.QUIET)
    elif seen.state in {"misconfigured", "failing"}:
        told = (f"✖ {'失败 ' if wide else ''}failing {waits}", theme.BAD)
    elif seen.late:
        told = (f"▲ {'滞后 ' if wide else ''}late {lag} · {waits}", theme.WARN)
    else:
        told = (f"✔ {'滞后 ' if wide else ''}lag {lag}", theme.GOOD)
    return Content.assemble(told)


def watch_page(seen: WatchNow, now: datetime) -> Content:
    """All of it: who cosigned how much and when, and how forwarding stands."""
    second, size = seen.witnesses.second, seen.witnesses.size
    parts: list[str | Content | tuple[str, str]] = [
        ("见证 Witnesses", "bold"),
        (f"  日志 log {size:,} 条 entries\n", theme.QUIET),
        _second(second, now, wide=True),
        f"  {HELD.get(second.kind or '', '–')} · {_far(second.size, size)}{_counter(second)}\n",
    ]
    if second.sentence is not None:
        parts.append(f"  {inert(second.sentence.zh, 200)} {inert(second.sentence.en, 300)}\n")
    for one in islice(seen.witnesses.witnesses, _MOST):
        parts += [
            _witness(one),
            f"  {_far(one.size, size)} · 登记 added {one.added:%Y-%m-%d}\n",
            (f"  {inert(one.key, 120)}\n", theme.QUIET),
        ]
    if not seen.witnesses.witnesses:
        parts.append(
            "没有外部见证:本机的历史只由本机担保。用 wardbox audit witness 登记一台主机或一支 U 盘。\n"
            "No witness outside: this box alone vouches for its history. `wardbox audit witness` registers a host or a stick.\n"
        )
    return Content.assemble(*parts, *_siem(seen.forward))


def _far(size: int | None, whole: int) -> str:
    return "尚未签过 none yet" if size is None else f"{size:,} / {whole:,} 条 entries"


def _counter(second: SecondKeyView) -> str:
    return "" if second.counter is None else f" · 计数器 counter {second.counter}"


def _siem(seen: ForwardView) -> list[str | Content | tuple[str, str]]:
    parts: list[str | Content | tuple[str, str]] = [
        ("\n转发 Forwarding to the SIEM\n", "bold"),
        _forward(seen, wide=True),
    ]
    if seen.state != "off":
        parts.append(
            f"  {inert(seen.target, 100)} · {seen.format} · {inert(seen.peer or '–', 120)}\n"
            f"  已确认到 confirmed to #{seen.position:,} / {seen.size:,} · {_when(seen.confirmed)}"
        )
    if seen.reason is not None:
        since = _when(seen.failing_since)
        parts.append(f"\n  {inert(seen.reason.zh, 200)} {inert(seen.reason.en, 300)} · {since}")
    return parts


def _when(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%m-%d %H:%M:%S} UTC"
