"""One leaf for every tag, byte for byte: `python -m tests.appliance.audit.golden` writes the file anew.

A line of the file never changes: auditors hash these bytes. A new tag is a new line; a tag that tells
more is a decision, and shows in the difference.
"""

from pathlib import Path

from appliance.audit.event import Event
from secure_compute.canonical import canonical_bytes

FILE = Path(__file__).with_name("golden_events.ndjson")
TIME = 1_772_352_000_000_000


def leaf_of(event: Event, index: int) -> bytes:
    """The canonical bytes of an event at a place, as the ledger writes them."""
    return canonical_bytes(
        {
            "actor": event.actor,
            "boot": "00000000-0000-0000-0000-000000000000",
            "details": dict(event.details),
            "request_id": event.request_id,
            "seq": index,
            "subject": event.subject,
            "tag": event.tag,
            "time": TIME,
        }
    )


def lines() -> dict[str, bytes]:
    """The leaf of each tag."""
    from tests.appliance.audit.test_audit_catalogue import FUNCTIONS, made

    found = {event.tag: event for function in FUNCTIONS for event in made(function)}
    return {tag: leaf_of(found[tag], 0) for tag in sorted(found)}


if __name__ == "__main__":
    FILE.write_bytes(b"".join(leaf + b"\n" for leaf in lines().values()))
