"""Why the policy locked the vault, kept where a locked box can tell it: ids of checks, nothing secret."""

import re
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from appliance.vault.outcome import Warned

_ID: Final = re.compile(r"[a-z-]{1,40}\.[a-z-]{1,40}")
_MOST: Final = 16
_SHOWN: Final = 4096


def leave_notice(layout: StateLayout, checks: tuple[str, ...]) -> None:
    """Remember which checks led to the lock."""
    write_private(layout.posture_lock, " ".join(checks[:_MOST]).encode())


def clear_notice(layout: StateLayout) -> None:
    """Somebody has opened the vault."""
    layout.posture_lock.unlink(missing_ok=True)


def notice(layout: StateLayout) -> Warned | None:
    """What a person at the locked box should know, or None where the policy did not lock it."""
    try:
        text = layout.posture_lock.read_bytes()[:_SHOWN].decode("ascii", errors="replace")
    except OSError:
        return None
    named = ", ".join(word for word in text.split(" ") if _ID.fullmatch(word)) or "?"
    return Warned(
        f"一体机因固件检查未通过而自行锁定:{named}。 The box locked itself because firmware checks failed: {named}.",
        "运行 sudo wardbox firmware check 查看并处理;确认可接受的,写入设置 posture.accepted 后重启服务,再解锁。 See and mend "
        "it with sudo wardbox firmware check; put what is acceptable into the setting posture.accepted, "
        "restart the service, then unlock.",
    )
