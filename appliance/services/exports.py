"""Exports of the log, put together: whose cosignatures and which bodies go along."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import orjson

from appliance.audit.event import Entry
from appliance.audit.export_desk import ExportDesk
from appliance.audit.export_order import Materials
from appliance.audit.export_shelf import ExportShelf
from appliance.audit.log import AuditLog
from appliance.audit.rendering.meaning import Source
from appliance.bodies.errors import BodyDamaged
from appliance.bodies.shape import Forgotten, Found, Kept
from appliance.services.version import VERSION
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.witnesses.service import WitnessService


class Bodies(Protocol):
    """Where bodies are found."""

    def find(self, details: Mapping[str, object]) -> Found:
        """The body behind an entry. Raises BodyDamaged."""
        ...


def make_exports(
    site: tuple[Settings, StateLayout],
    log: AuditLog,
    witnesses: WitnessService,
    bodies: Bodies,
    clock: Callable[[], datetime],
) -> ExportDesk:
    """Make the desk where exports are asked for."""
    settings, layout = site
    names = [*settings.server.names, ""]

    def keys() -> tuple[str, ...]:
        held = witnesses.keys()
        return tuple(key.vkey for key in held)

    materials = Materials(
        reader=log.reader,
        source=Source(settings.audit.origin, names[0], VERSION),
        seal=log.seal,
        clock=clock,
        cosigned=witnesses.cosigned,
        keys=keys,
        body=lambda entry: body_line(bodies, entry),
        head=witnesses.cosign,
    )
    shelf = ExportShelf(layout.exports, settings.audit.exports_days, log.reader)
    return ExportDesk(materials, log, shelf)


def body_line(bodies: Bodies, entry: Entry) -> bytes | None:
    """What bodies.ndjson says of an entry: its texts, or why there are none; None for no answer.

    Args:
        bodies: where they are found.
        entry: any entry.
    """
    details = entry.event.details
    if not isinstance(details.get("prompt_hash"), str):
        return None
    told: dict[str, Any] = {"index": entry.index, "receipt": details.get("receipt")}
    try:
        found = bodies.find(details)
    except BodyDamaged:
        return orjson.dumps(told | {"state": "damaged"})
    if isinstance(found, Kept):
        texts = {name: _text(text, found.sizes[name]) for name, text in found.texts.items()}
        told |= {"state": "kept", "salt": b64encode(found.salt).decode(), "texts": texts}
    elif isinstance(found, Forgotten):
        told |= {"state": "forgotten", "when": found.when}
    else:
        told |= {"state": found.why}
    return orjson.dumps(told)


def _text(text: bytes, size: int) -> dict[str, Any]:
    try:
        return {"bytes": size, "text": text.decode("utf-8")}
    except UnicodeDecodeError:
        # What was cut may end inside a character.
        return {"base64": b64encode(text).decode(), "bytes": size}
