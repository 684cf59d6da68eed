"""An event of the audit log: who did what to which thing, in canonical JSON, never with content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from appliance.bodies.shape import Body

Detail = str | int | bool | None | list["Detail"] | dict[str, "Detail"]

MAX_TEXT: Final = 4096
"""Characters in one text of an event; whatever is longer is content and does not belong here."""


class Event(Struct, frozen=True):
    """What happened; a struct, because one is made for every answer.

    Build events by the typed functions of `appliance.audit.events`, which fix tag and details.

    Args:
        tag: "source:subject:action" of the catalogue.
        actor: who did it: "key:<id>", "user:<name>", "local:console", "box".
        subject: the thing it was done to, or None.
        request_id: the request that caused it, or None.
        details: facts in canonical JSON (no floats); identifiers, digests and counts only.
        body: the texts behind it, sealed and durable before it is; no part of the leaf.
    """

    tag: str
    actor: str
    subject: str | None = None
    request_id: str | None = None
    details: Mapping[str, Detail] = {}
    body: Body | None = None


class Leaf(Struct, frozen=True, gc=False):
    """Where an event stands in the log, known once it is durable.

    Args:
        index: position in the tree, from 0.
        hash: RFC 6962 leaf hash, 32 bytes.
        seq: the sequence number in the leaf; equal to the index.
        time: when it was written, in microseconds since 1970 UTC; never runs backwards.
    """

    index: int
    hash: bytes
    seq: int
    time: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as read back from the log.

    Args:
        index: position in the tree, from 0.
        time: microseconds since 1970 UTC.
        boot: boot id of the machine that wrote it.
        event: what happened.
        leaf: the canonical bytes that were hashed.
    """

    index: int
    time: int
    boot: str
    event: Event
    leaf: bytes
