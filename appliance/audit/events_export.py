"""The events of exports: who took what out of the log, and what was taken away by age."""

from collections.abc import Mapping

from appliance.audit.event import Detail, Event
from appliance.audit.events import BOX


def log_export(  # by name
    actor: str,
    *,
    name: str,
    first: int,
    last: int,
    conditions: Mapping[str, Detail],
    bodies: bool,
) -> Event:
    """Entries are about to be exported; a patient whom it is about is found by this event too."""
    patient = conditions.get("patient")
    details: dict[str, Detail] = {
        "bodies": bodies,
        "filter": dict(conditions),
        "first": first,
        "last": last,
        "patient": patient,
    }
    return Event("audit:log:export", actor, name, None, details)


def export_expire(*, name: str, days: int) -> Event:
    """An export had lain in the box's own place for its days, and was taken away."""
    return Event("audit:export:expire", BOX, name, None, {"days": days})
