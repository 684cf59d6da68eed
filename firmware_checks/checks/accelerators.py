"""Checks of accelerators of other makers than NVIDIA: every card answers, and none is ill."""

from typing import Final

from firmware_checks.check import (
    Check,
    Evidence,
    Impact,
    Text,
    Verdict,
    could_not_read,
    failed,
    not_applicable,
    passed,
    undecided,
)
from firmware_checks.facts import Facts, Unread
from firmware_checks.platform_facts import Card, MakerFacts

_WELL: Final = frozenset({"ok", "good", "healthy", "normal", "available", ""})
_HOT: Final = 95.0


def _healthy(facts: Facts, maker: str) -> Verdict:
    if isinstance(facts.accelerators, Unread):
        return could_not_read(facts.accelerators)
    found = facts.accelerators[maker]
    if isinstance(found.on_bus, Unread):
        return could_not_read(found.on_bus)
    if not found.on_bus:
        seen = Evidence.of("/sys/bus/pci/devices", f"no card of {maker}")
        return not_applicable("没有此厂商的加速卡。", "There is no card of this maker.", seen)
    if isinstance(found.cards, Unread):
        return could_not_read(found.cards)
    return _judged(found, found.cards)


def _judged(found: MakerFacts, cards: tuple[Card, ...]) -> Verdict:
    seen = [Evidence.of(f"{card.place} {card.name}", _told(card), steady=False) for card in cards]
    ill = [card for card in cards if _ill(card)]
    if ill:
        return failed(
            "有加速卡报告故障或过热。",
            "A card reports a fault or is too hot.",
            *(Evidence.of(f"{card.place} {card.name}", _told(card)) for card in ill),
        )
    on_bus = found.on_bus
    if not isinstance(on_bus, Unread) and len(cards) < len(on_bus):
        bus = Evidence.of("/sys/bus/pci/devices", ", ".join(on_bus))
        return failed("有加速卡不应答。", "A card does not answer.", *seen, bus)
    if any(not card.health and card.celsius is None for card in cards):
        return undecided("工具没有给出健康状态。", "The tool tells no health.", *seen)
    return passed("加速卡均应答且正常。", "Every card answers and is well.", *seen)


def _ill(card: Card) -> bool:
    hot = card.celsius is not None and card.celsius >= _HOT
    return hot or card.health.lower() not in _WELL or bool(card.errors)


def _told(card: Card) -> str:
    heat = "" if card.celsius is None else f" {card.celsius:g} C"
    return f"{card.health or 'no word of health'}{heat}"


def ascend(facts: Facts) -> Verdict:
    """Every Ascend NPU answers `npu-smi`, without an alarm."""
    return _healthy(facts, "ascend")


def hygon(facts: Facts) -> Verdict:
    """Every Hygon DCU answers `hy-smi` and is not too hot."""
    return _healthy(facts, "hygon")


def cambricon(facts: Facts) -> Verdict:
    """Every Cambricon MLU answers `cnmon` and is not too hot."""
    return _healthy(facts, "cambricon")


def mthreads(facts: Facts) -> Verdict:
    """Every Moore Threads GPU answers `mthreads-gmi` and is not too hot."""
    return _healthy(facts, "mthreads")


def metax(facts: Facts) -> Verdict:
    """Every MetaX GPU answers `mx-smi` and is available."""
    return _healthy(facts, "metax")


_HARM_ZH: Final = "运行在其上的模型会中断或给出错误结果。"
_HARM_EN: Final = "Models on it stop or answer wrongly."
_REMEDY_ZH: Final = "查看厂商工具的告警,检查供电与散热;仍有故障则更换。"
_REMEDY_EN: Final = (
    "Read the alarms of the maker's tool, look at power and cooling; else replace it."
)

CHECKS: Final = tuple(
    Check(
        f"accelerator.{name}",
        2,
        Impact.HIGH,
        Text(f"{zh} 健康", _HARM_ZH, _REMEDY_ZH),
        Text(f"{en} healthy", _HARM_EN, _REMEDY_EN),
        (f"{tool} command reference",),
        judge,
    )
    for name, zh, en, tool, judge in (
        ("ascend", "昇腾 NPU", "Ascend NPUs", "npu-smi", ascend),
        ("hygon", "海光 DCU", "Hygon DCUs", "hy-smi", hygon),
        ("cambricon", "寒武纪 MLU", "Cambricon MLUs", "cnmon", cambricon),
        ("mthreads", "摩尔线程 GPU", "Moore Threads GPUs", "mthreads-gmi", mthreads),
        ("metax", "沐曦 GPU", "MetaX GPUs", "mx-smi", metax),
    )
)
