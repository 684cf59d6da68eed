"""The summary of an export for people: one page in two languages, without scripts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from appliance.audit.catalogue import KINDS
from appliance.audit.export_style import STYLE
from appliance.audit.export_tally import Notable, Tally, clock_text

_MEANT: Final = {kind.tag: (kind.zh, kind.en) for kind in KINDS}
_MOST_ROWS: Final = 40
_MOST_BARS: Final = 60
_CONDITIONS: Final = {
    "actor": ("操作者", "actor"),
    "model": ("模型", "model"),
    "patient": ("患者假名", "patient pseudonym"),
    "receipt": ("收据", "receipt"),
    "request_id": ("请求", "request"),
    "since": ("起", "from"),
    "tag": ("标签", "tag"),
    "until": ("止", "to"),
}
_TIMES: Final = frozenset({"since", "until"})
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def summary_page(tally: Tally, manifest: Mapping[str, Any], root: str, vkey: str) -> bytes:
    """The page, in UTF-8.

    Args:
        tally: what the export holds.
        manifest: what manifest.json says.
        root: root of the signed tree, hexadecimal.
        vkey: the log's verifier key.
    """
    parts = [
        "<!doctype html>\n<html lang='zh'><head><meta charset='utf-8'>",
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        "<meta name='viewport' content='width=device-width,initial-scale=1'>",
        f"<title>{_text(manifest['origin'])} · 审计导出 Audit export</title>",
        f"<style>{STYLE}</style></head><body>",
        _head(tally, manifest),
        "<main>",
        _figures(tally, manifest),
        _days(tally),
        _tags(tally.tags),
        "<div class='pair'>",
        _names(tally.actors, "操作者", "Actors"),
        _names(tally.models, "模型", "Models"),
        _names(tally.patients, "患者(假名)", "Patients (pseudonyms)"),
        "</div>",
        _notables(tally),
        _proof(manifest, root, vkey),
        "</main>",
        "<footer>WardBox 起草,医生审核并签名。 WardBox drafts; a clinician reviews and signs.</footer>",
        "</body></html>\n",
    ]
    return "\n".join(parts).encode()


def _head(tally: Tally, manifest: Mapping[str, Any]) -> str:
    span = f"{clock_text(tally.first_time)} – {clock_text(tally.last_time)} UTC"
    return (
        f"<header><p class='eyebrow'>审计记录 · AUDIT RECORD</p><h1>{_text(manifest['origin'])}</h1>"
        f"<p class='span'>{span}</p><p class='made'>导出于 Exported {_text(manifest['created'])}"
        f"{' · WardBox ' + _text(manifest['software']) if manifest['software'] else ''}</p></header>"
    )


def _figures(tally: Tally, manifest: Mapping[str, Any]) -> str:
    whole = manifest["filter"] is None
    span = f"{manifest['first']} – {manifest['last']}"
    cards = [
        ("记录", "entries", f"{tally.entries:,}", f"{span} / {manifest['tree_size']:,}"),
        ("失败或拒绝", "failed or refused", f"{tally.failures:,}", ""),
        ("操作者", "actors", f"{len(tally.actors):,}", ""),
        ("患者", "patients", f"{len(tally.patients):,}", "假名 pseudonyms"),
    ]
    tiles = "".join(
        f"<div class='card'><b>{value}</b><span>{zh}<i>{en}</i></span><small>{_text(note)}</small></div>"
        for zh, en, value, note in cards
    )
    if whole:
        told = "区间内的每一条都在,一条不缺。 Every entry of the range is here, without a gap."
    else:
        told = (
            f"按条件筛选:{_conditions(manifest['filter'])}。所含记录逐条可验,未被选中的记录不在此列。 "
            "Filtered: each entry proves itself; what did not meet the conditions is not here."
        )
    bodies = (
        "<p class='warn'>含已解密的正文(bodies.ndjson):请按病历同等保密。 Decrypted bodies are inside:"
        " keep this export as you keep patients' records.</p>"
        if manifest["bodies"]
        else ""
    )
    return f"<section><div class='cards'>{tiles}</div><p class='note'>{told}</p>{bodies}</section>"


def _conditions(conditions: Mapping[str, Any]) -> str:
    told = []
    for name, value in conditions.items():
        zh, en = _CONDITIONS[name]
        shown = f"{clock_text(value)} UTC" if name in _TIMES else str(value)
        told.append(f"{zh} {en} <code>{_text(shown)}</code>")
    return ", ".join(told)


def _days(tally: Tally) -> str:
    days = tally.busiest(_MOST_BARS)
    most = max((count for _, count in days), default=1)
    bars = "".join(
        f"<li title='{day}: {count:,}'><i style='height:{max(2, round(100 * count / most))}%'></i></li>"
        for day, count in days
    )
    ends = (
        f"<p class='ends'><span>{days[0][0]}</span><span>{days[-1][0]}</span></p>" if days else ""
    )
    return (
        f"{_title('每日记录数', 'Entries by day')}<ol class='days'>{bars}</ol>{ends}"
        f"<p class='note'>最高 most: {most:,}</p></section>"
    )


def _notables(tally: Tally) -> str:
    rows = "".join(_notable(one) for one in tally.notable)
    if not rows:
        return (
            f"{_title('值得关注', 'Notable')}<p class='good'>没有失败,也没有安全设置的更改。 "
            "No failures, and no changes of security settings.</p></section>"
        )
    more = (
        f"<p class='note'>另有 {tally.more_notable:,} 条,见 entries.ndjson。 "
        f"{tally.more_notable:,} more are in entries.ndjson.</p>"
        if tally.more_notable
        else ""
    )
    return (
        f"{_title('值得关注', 'Notable: failures, and changes of rights, keys and settings')}"
        "<div class='scroll'><table><thead><tr><th>#</th><th>时间 UTC</th><th>事件 event</th>"
        "<th>操作者 actor</th><th>对象 thing</th><th>原因 why</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{more}</section>"
    )


def _notable(one: Notable) -> str:
    kind = {0: "ok", 4: "minor"}.get(one.outcome, "serious")
    zh, en = _MEANT.get(one.tag, ("", one.what))
    return (
        f"<tr class='{kind}'><td class='num'>{one.index}</td><td class='num'>{clock_text(one.time)}</td>"
        f"<td><b>{_text(zh)}</b> {_text(en)}<br><code>{_text(one.tag)}</code></td>"
        f"<td class='who'><code>{_text(one.actor)}</code></td><td>{_text(one.thing)}</td><td>{_text(one.why)}</td></tr>"
    )


def _tags(tags: Counter[str]) -> str:
    most = max(tags.values(), default=1)
    rows = "".join(
        f"<tr><td><b>{_text(zh)}</b> {_text(en)}<br><code>{_text(tag)}</code></td>"
        f"<td class='bar'><i style='width:{100 * count / most:.1f}%'></i></td>"
        f"<td class='num'>{count:,}</td></tr>"
        for tag, count in tags.most_common()
        for zh, en in [_MEANT.get(tag, ("", ""))]
    )
    return (
        f"{_title('按事件', 'By event')}<div class='scroll'><table class='tags'><tbody>{rows}</tbody>"
        "</table></div></section>"
    )


def _names(counter: Counter[str], zh: str, en: str) -> str:
    if not counter:
        return ""
    rows = _rows(counter.most_common(_MOST_ROWS))
    rest = len(counter) - _MOST_ROWS
    more = f"<p class='note'>另有 and {rest:,} 个 more</p>" if rest > 0 else ""
    return f"{_title(zh, en)}<table><tbody>{rows}</tbody></table>{more}</section>"


def _rows(pairs: Iterable[tuple[str, int]]) -> str:
    return "".join(
        f"<tr><td><code>{_text(name)}</code></td><td class='num'>{count:,}</td></tr>"
        for name, count in pairs
    )


def _proof(manifest: Mapping[str, Any], root: str, vkey: str) -> str:
    return (
        f"{_title('如何验证', 'How to verify')}"
        "<ol class='steps'><li>用自己带来的 <code>verify.py</code>(与本目录中的相同),在任一装有 Python 3.8 "
        "以上的电脑运行:<br>With your own copy of <code>verify.py</code>, on any computer with Python 3.8 or "
        "later:<pre>python3 verify.py .</pre></li>"
        "<li>首次访问时,将下面的公钥与设备屏幕上的核对。<br>At the first visit compare this key with the one on "
        f"the box's own screen:<pre>{_text(vkey)}</pre></li>"
        "<li>本页只是摘要;证据是 <code>entries.ndjson</code> 与签名检查点。<br>This page is only a summary; "
        "the evidence is <code>entries.ndjson</code> and the signed checkpoint:"
        f"<pre>{manifest['tree_size']:,} entries · root {_text(root)}</pre></li></ol></section>"
    )


def _title(zh: str, en: str) -> str:
    return f"<section><h2>{zh}<span>{en}</span></h2>"


def _text(value: object) -> str:
    """Text of the log inside a page: nothing in it is markup, whoever wrote it."""
    told = str(value)
    if not told.isprintable():
        told = "".join(sign if sign.isprintable() else "·" for sign in told)
    return escape(told)
