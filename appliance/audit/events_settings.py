"""The events of settings: they are read at every start, and told when they are others than before."""

from appliance.audit.event import Detail, Event
from appliance.audit.events import BOX


def settings_change(*, digest: str, last_digest: str) -> Event:
    """The box started with other settings than the time before; the digests of both."""
    details: dict[str, Detail] = {"digest": digest, "last_digest": last_digest}
    return Event("settings:box:change", BOX, None, None, details)
