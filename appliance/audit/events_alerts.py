"""The events of alerts: raised, cleared, acknowledged."""

from typing import Literal

from appliance.audit.event import Detail, Event


def alert_change(
    action: Literal["raise", "clear", "acknowledge"],
    actor: str,
    *,
    alert: int,
    rule: str,
    about: str,
) -> Event:
    """An alert was raised or cleared by the box, or acknowledged by a person."""
    details: dict[str, Detail] = {"alert": alert, "rule": rule}
    return Event(f"alert:rule:{action}", actor, about, None, details)
