"""The texts behind an entry and who read them, and the exports that lie on the box, in words: pure."""

from typing import Final

from textual.content import Content

from appliance.contract.audit import ExportList, ExportState
from appliance.contract.bodies import BodyText, BodyView
from tui import theme
from tui.auditvisit import BodySeen
from tui.inert import inert, inert_lines

_PARTS: Final = {"prompt": "提示 prompt", "answer": "回答 answer", "extract": "病历摘录 extract"}
_LONGEST: Final = 40_000
_MOST: Final = 50
_FORGET: Final = (
    "遗忘这位患者并取得销毁证明:F12,k,再按 e。\n"
    "To forget this patient, with a certificate: F12, then k, then e."
)


def describe_body(seen: BodySeen) -> Content:
    """The texts, or why there are none; and who asked for them, newest first."""
    head: list[Content | str | tuple[str, str]] = [(f"#{seen.entry.index}\n", "bold")]
    body = seen.body
    if body is None:
        head.append((f"{seen.refused}\n", theme.WARN))
    else:
        head.append(_texts(body))
    head.append((f"\n调阅记录 who asked ({len(seen.readings)})\n", "bold"))
    for one in seen.readings[:_MOST]:
        found = inert(str(one.details.get("found", "")), 40)
        head.append(f"{one.time:%Y-%m-%d %H:%M:%S} UTC  {inert(one.actor, 100)}  {found}\n")
    if body is not None and body.patient is not None:
        head.append((f"\n{_FORGET}", theme.QUIET))
    return Content.assemble(*head)


def _texts(body: BodyView) -> Content:
    parts: list[str | tuple[str, str]] = [
        f"回执 receipt {inert(body.receipt, 64)}\n",
        f"患者 patient {inert(body.patient or '–', 80)}\n",
    ]
    for name, title in _PARTS.items():
        text: BodyText | None = getattr(body, name)
        if text is not None:
            cut = f" · 只存开头 cut, {text.bytes:,} B" if text.cut else ""
            parts += [(f"\n{title}{cut}\n", "bold"), f"{inert_lines(text.text, _LONGEST)}\n"]
    return Content.assemble(*parts)


def describe_exports(found: ExportList) -> Content:
    """What lies on the box, by whom, and until when."""
    if not found.exports:
        return Content("没有导出。 There are no exports.")
    return Content("\n\n".join(_export(one) for one in found.exports[:_MOST]))


def _export(one: ExportState) -> str:
    entries = "–" if one.entries is None else f"{one.entries:,} 条 entries"
    until = "" if one.kept_until is None else f" · 保留至 kept until {one.kept_until:%Y-%m-%d}"
    told = (
        f"{one.asked:%Y-%m-%d %H:%M} UTC · {one.state} · {entries} · {inert(one.actor or '–', 100)}"
    )
    return f"{told}{until}\n  {inert(one.directory, 1024)}"
