"""Which back end a new box gets: what was asked for, what the machine can do, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.vault.device import DeviceFacts, judge, look
from appliance.vault.errors import DeviceRefused, VaultUnsupported
from appliance.vault.luks_support import LuksSupport, detect_luks, judge_luks, lacking
from appliance.vault.support import Support, detect
from appliance.vault.support import judge as judge_embedded

LABELLED: Final = Path("/dev/disk/by-partlabel/wardbox-vault")
"""A partition with this GPT name was made for the vault; "auto" takes no other device by itself."""
AUTO: Final = "auto"
EMBEDDED: Final = "embedded"
LUKS: Final = "luks:"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the box will have.

    Args:
        device: for LUKS2; None stands for the embedded back end.
        why_zh: the reason, in Chinese.
        why_en: the same in English.
    """

    device: Path | None
    why_zh: str
    why_en: str


@dataclass(frozen=True, slots=True)
class Eyes:
    """How a machine is looked at; doubles in tests."""

    luks: Callable[[], LuksSupport] = detect_luks
    embedded: Callable[[], Support] = detect
    device: Callable[[Path], DeviceFacts] = look


def choose(wish: str, *, erase: bool, eyes: Eyes | None = None) -> Choice:
    """Decide for a new box; nothing is changed.

    Args:
        wish: "auto", "embedded" or "luks:" and the path of a device.
        erase: a person said that whatever is on the device may go.
        eyes: how the machine is looked at.

    Raises:
        VaultUnsupported: the machine cannot do what was asked for, or cannot encrypt at all.
        DeviceRefused: the device that was named is not taken.
    """
    eyes = eyes or Eyes()
    if wish.startswith(LUKS):
        device = Path(wish.removeprefix(LUKS))
        judge_luks(eyes.luks())
        judge(eyes.device(device), erase=erase)
        return Choice(device, f"应答文件指定了 {device}。", f"The answers file names {device}.")
    chosen = _asked() if wish == EMBEDDED else _automatic(eyes)
    if chosen.device is None:
        judge_embedded(eyes.embedded())
    return chosen


def _asked() -> Choice:
    return Choice(
        None, "应答文件要求内置方式。", "The answers file asks for the embedded back end."
    )


def _automatic(eyes: Eyes) -> Choice:
    facts = eyes.device(LABELLED)
    if not facts.exists:
        return Choice(
            None,
            "没有名为 wardbox-vault 的分区,应答文件也没有指定磁盘。",
            "No partition is named wardbox-vault, and the answers file names no disk.",
        )
    lack = lacking(eyes.luks())
    if lack is not None:
        return Choice(None, f"不能使用 LUKS2:{lack[0]}。", f"LUKS2 cannot be used: {lack[1]}.")
    try:
        judge(facts, erase=False)
    except (DeviceRefused, VaultUnsupported) as error:
        return Choice(None, error.sentence_zh, error.sentence_en)
    return Choice(
        LABELLED,
        "找到了名为 wardbox-vault 的空白分区。",
        "A blank partition named wardbox-vault was found.",
    )
