"""The event of an export: who took what out of the log."""

from collections.abc import Mapping

from appliance.audit.event import Detail, Event


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
