"""The events of the firmware checks beyond their runs: what followed from what they found."""

from appliance.audit.event import Detail, Event


def posture_act(actor: str, *, consequence: str, failed: list[str], digest: str) -> Event:
    """The policy made something follow from the checks; recorded before it happens."""
    details: dict[str, Detail] = {
        "consequence": consequence,
        "digest": digest,
        "failed": list(failed),
    }
    return Event("firmware:policy:act", actor, None, None, details)
