"""The events of forwarding to the hospital's SIEM: begun, ended, behind, cut off, and in order again."""

from typing import Literal

from appliance.audit.event import Detail, Event


def forward_change(
    action: Literal["start", "stop", "lag", "lose", "return"],
    *,
    target: str,
    position: int,
    behind: int,
    reason: str,
) -> Event:
    """Forwarding began, ended, fell behind, lost its receiver or caught up; never one for each try.

    `position` is the first entry that is not known to have arrived, `behind` how many there are.
    """
    details: dict[str, Detail] = {"behind": behind, "position": position, "reason": reason}
    return Event(f"audit:forward:{action}", "box", target, None, details)
