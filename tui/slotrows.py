"""What the storage screen says about the slots of the vault: pure."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.contract.slots import SlotView
from tui.inert import inert
from tui.keeping import short_age

KINDS: Final = {
    "passphrase": "口令 passphrase",
    "recovery": "恢复密钥 recovery",
    "machine": "本机 machine",
    "tpm": "TPM",
    "shares": "份额 shares",
    "keyfile": "密钥文件 key file",
    "network": "网络 network",
}
BY_ITSELF: Final = {"tpm", "network"}
"""These need nobody: they are tried without a secret."""
_MOST: Final = 64


def slot_rows(slots: Sequence[SlotView], now: datetime) -> dict[str, tuple[str, ...]]:
    """One row for each slot, in the order in which they are tried."""
    return {
        slot.id: (
            kind_told(slot),
            slot.label or "–",
            "☺ 人 person" if slot.person else "⚙ 机器 box",
            _age(slot.used, now),
            _age(slot.tested, now),
        )
        for slot in islice(slots, _MOST)
    }


def kind_told(slot: SlotView) -> str:
    """The kind, and how many of how many shares."""
    told = KINDS.get(slot.kind, slot.kind)
    return f"{told} {slot.needed}/{len(slot.holders)}" if slot.needed else told


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "从未 never"
    return f"{short_age((now - moment).total_seconds())} 前 ago"


def slot_told(slot: SlotView) -> Content:
    """The chosen slot: who made it when, what it is bound to."""
    made = "–" if slot.created is None else f"{slot.created:%Y-%m-%d}"
    said = [
        f"{kind_told(slot)} · {inert(slot.id, 32)} · 添加 added {made} {inert(slot.created_by, 40)}".rstrip()
    ]
    if slot.pcrs:
        said.append("封装到 sealed to PCR " + " ".join(map(str, slot.pcrs)))
    if slot.holders:
        names = "、".join(inert(name, 40) for name in slot.holders)
        said.append(f"持有人 holders: {names}({slot.needed} 份开启 open)")
    if slot.url:
        said.append(inert(slot.url, 200))
    return Content(" · ".join(said))


def advice(slots: Sequence[SlotView]) -> str:
    """What the slots lack, in one sentence; empty when nothing."""
    if slots and not any(slot.kind in {"recovery", "shares"} for slot in slots):
        return (
            "没有恢复密钥或份额:遗忘口令即失去一切,按 n 添加。"
            " Neither recovery key nor shares: a forgotten passphrase loses everything; n adds one."
        )
    if slots and not any(slot.tested or slot.used for slot in slots if slot.kind == "recovery"):
        return (
            "恢复密钥从未试过:按 t 试一次。"
            " The recovery key was never tried: t tries it, nothing is opened."
        )
    return ""
