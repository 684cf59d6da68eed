"""What the screen of the vault's keys says: keys, root and memory, two-person requests: pure."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.contract.people import ApprovalView
from appliance.contract.vault_keys import KeyList, KeyRow
from tui import theme
from tui.inert import inert
from tui.keeping import short_age
from tui.theme import Sign

REPLACED: Final = {
    "now": "立即 now",
    "opening": "下次解锁 unlock",
    "root": "随根密钥 root",
}
SUITES: Final = {"international": "国际 international", "sm": "国密 SM2/SM3/SM4"}
APPROVAL: Final = {
    "waiting": Sign("…", "待批", "waiting", theme.WARN),
    "approved": Sign("✔", "已批", "approved", theme.GOOD),
    "executed": Sign("■", "已执行", "done", theme.QUIET),
    "cancelled": Sign("■", "已取消", "cancelled", theme.QUIET),
    "expired": Sign("■", "已过期", "expired", theme.QUIET),
    "failed": Sign("✖", "未成", "failed", theme.BAD),
}
_STATE: Final = {
    "current": Sign("✔", "在用", "in use", theme.GOOD),
    "next": Sign("◔", "待换", "next", theme.WARN),
    "old": Sign("■", "旧", "old", theme.QUIET),
}
_MOST: Final = 200
_OPEN: Final = frozenset(("waiting", "approved"))


def name_of(key: KeyRow) -> str:
    """The name of a row: use and version."""
    return f"{key.use}/{key.version}"


def vault_key_rows(seen: KeyList, now: datetime) -> dict[str, tuple[str | Sign, ...]]:
    """One row for each version of each key."""
    return {
        name_of(key): (
            name_of(key),
            _STATE.get(key.state, theme.ASKING),
            key.algorithm,
            _age(key.made, now),
            REPLACED.get(key.replaced, key.replaced),
            "–" if key.wraps is None else f"{key.wraps:,}",
        )
        for key in islice(seen.keys, _MOST)
    }


def _age(made: datetime | None, now: datetime | None) -> str:
    if made is None:
        return "–"
    if now is None:
        return f"{made:%Y-%m-%d}"
    return short_age((now - made).total_seconds())


def root_told(seen: KeyList) -> Content:
    """Root key, suite, module, and whether memory keeps keys to itself."""
    memory = seen.memory
    return Content.assemble(
        "根密钥 root ",
        (inert(seen.root, 32), "bold"),
        f" · 其下 under it {seen.wraps}\n",
        f"套件 suite {SUITES.get(seen.suite, inert(seen.suite, 20))} · 模块 module {inert(seen.module, 40)}\n",
        "内存 memory ",
        _held(memory.locked, "已锁定 locked", "部分可被换出 may be swapped"),
        "  ",
        _held(not memory.dumpable, "不可转储 no core dump", "可转储 dumpable"),
    )


def _held(good: bool, yes: str, no: str) -> Content:  # noqa: FBT001 (the one thing it is about)
    return Content.assemble((f"✔ {yes}", theme.GOOD) if good else (f"▲ {no}", theme.WARN))


def key_told(key: KeyRow) -> Content:
    """The chosen key: what for, and how it is replaced."""
    ways = {
        "now": "u 立即更换 u replaces it now",
        "opening": "u 更换,下次解锁生效 u replaces it, in use from the next unlock on",
        "root": "不单独更换,按 o 随根密钥重新封装 not replaced by itself: o wraps it anew with the root key",
    }
    return Content.assemble(
        (inert(name_of(key), 64), "bold"),
        f" · {inert(key.meaning.zh, 100)} {inert(key.meaning.en, 160)}\n",
        (ways.get(key.replaced, ""), theme.QUIET),
    )


def approval_rows(
    approvals: Sequence[ApprovalView], now: datetime | None
) -> dict[str, tuple[str | Sign, ...]]:
    """One row for each request; those that are open stand first."""
    ordered = sorted(
        approvals, key=lambda one: (one.state not in _OPEN, -one.requested.timestamp())
    )
    return {
        one.id: (
            APPROVAL.get(one.state, theme.ASKING),
            one.action,
            one.subject,
            one.requested_by,
            _age(one.requested, now),
        )
        for one in islice(ordered, _MOST)
    }


def approval_told(one: ApprovalView) -> Content:
    """The chosen request in full."""
    decided = f" · 批准 by {inert(one.decided_by, 64)}" if one.decided_by else ""
    reason = f" · {inert(one.reason, 200)}" if one.reason else ""
    return Content(
        f"{inert(one.id, 40)} · {inert(one.action, 64)} {inert(one.subject, 64)}{reason}\n"
        f"申请 asked by {inert(one.requested_by, 64)}{decided} · 至 until {one.expires:%m-%d %H:%M} UTC"
    )
