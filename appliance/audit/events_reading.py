"""The events of looking at the record itself: who searched it, and for whom."""

from appliance.audit.event import Detail, Event


def log_search(actor: str, *, conditions: list[str], patient: str | None) -> Event:
    """Somebody searches the record; by what, and by which patient where one is named."""
    details: dict[str, Detail] = {"conditions": list(conditions), "patient": patient}
    return Event("audit:log:search", actor, None, None, details)
