"""The events of the encrypted storage: a volume that was made larger."""

from appliance.audit.event import Event


def volume_grow(actor: str, *, before: int, after: int) -> Event:
    """The file system of the vault was made larger; its bytes before and after."""
    return Event("vault:volume:grow", actor, None, None, {"before": before, "after": after})
