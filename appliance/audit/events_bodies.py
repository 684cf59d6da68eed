"""The events of bodies: kept no more or again, read by somebody, over by age, forgotten for good."""

from appliance.audit.event import Detail, Event
from appliance.audit.events import BOX


def bodies_stop(*, reason: str) -> Event:
    """Bodies are not kept from here on; the log itself goes on."""
    return Event("box:bodies:stop", BOX, None, None, {"reason": reason})


def bodies_resume(*, lost: int) -> Event:
    """Bodies are kept again; this many were not in between, and their entries say so."""
    return Event("box:bodies:resume", BOX, None, None, {"lost": lost})


def bodies_lose(*, lost: int) -> Event:
    """The power went while a commit was written: so many of its entries lack the body they tell of."""
    return Event("audit:body:lose", BOX, None, None, {"lost": lost})


def bodies_expire(*, days: int, bodies: int) -> Event:
    """The keys of this many days were destroyed by age, and so many bodies deleted with them."""
    return Event("box:bodies:expire", BOX, None, None, {"bodies": bodies, "days": days})


def body_read(
    actor: str, request_id: str | None, *, receipt: str, index: int, patient: str | None, found: str
) -> Event:
    """Somebody asked for the body behind an entry, and whether it was there."""
    details: dict[str, Detail] = {"found": found, "index": index, "patient": patient}
    return Event("audit:body:read", actor, receipt, request_id, details)


def patient_forget(actor: str, *, patient: str, bodies: int, digest: str) -> Event:
    """The keys of a patient were destroyed; digest of the certificate."""
    details: dict[str, Detail] = {"bodies": bodies, "digest": digest, "patient": patient}
    return Event("audit:patient:forget", actor, None, None, details)
