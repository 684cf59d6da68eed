"""A log of forty thousand entries, most of them closed, made in a second."""

import random
import time
from pathlib import Path

from appliance.audit import events
from appliance.audit.event import Entry, Event
from appliance.audit.identifiers import receipt_of, request_id
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.query import Query, models_of, patient_of
from secure_compute.signing import SigningKey
from tests.appliance.audit.conftest import KEY, Clock
from tests.fakes.answered import completion

IDENTITY = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")


def scribe(path: Path, clock: Clock) -> OwnScribe:
    opened = OwnScribe(path, KEY, IDENTITY, clock, time.monotonic)
    opened.open()
    return opened


def fill(opened: OwnScribe, clock: Clock, count: int) -> None:
    """Write `count` events of many kinds, actors and patients."""
    chance = random.Random(count)
    for _ in range(0, count, 1000):
        clock.move(1)
        opened.commit([any_event(chance, clock) for _ in range(1000)])


def any_event(chance: random.Random, clock: Clock) -> Event:
    actor, request = f"key:{chance.randrange(9)}", request_id(clock)
    match chance.randrange(40):
        case 0:
            return events.key_revoke(actor, request, key_id="k")
        case 1:
            return events.model_shelf("verify", "box", model="other", digest="d")
        case 2 | 3 | 4:
            patient = f"p-{chance.randrange(3000)}"
            return Event("dataset:record:read", actor, None, request, {"patient": patient})
        case number if number % 2:
            return events.completion_accept(actor, request, route="/v1", model="m")
        case _:
            told = completion(receipt_of(request))
            return events.completion_answer(actor, request, told)


def close_all(opened: OwnScribe) -> int:
    """Tend until nothing is left; how many steps that took."""
    steps = 1
    while opened.tend():
        steps += 1
    return steps


def plain_search(everything: list[Entry], query: Query) -> list[Entry]:
    """What a query must find, by looking at every entry."""
    return [entry for entry in reversed(everything) if _meets(entry, query)][: query.limit]


def _meets(entry: Entry, query: Query) -> bool:
    event, wanted = entry.event, query.tag
    return all(
        (
            wanted is None
            or event.tag == wanted
            or (wanted.endswith("*") and event.tag.startswith(wanted[:-1])),
            query.actor in {None, event.actor},
            query.request_id in {None, event.request_id},
            query.receipt in {None, event.details.get("receipt")},
            query.patient in {None, patient_of(event)},
            query.model is None or query.model in models_of(event),
            query.since is None or entry.time >= query.since,
            query.until is None or entry.time <= query.until,
            query.before is None or entry.index < query.before,
        )
    )
