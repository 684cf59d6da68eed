"""The events of serving: models loaded, pinned and let go, served names, adapters and leases."""

from typing import Literal

from appliance.audit.event import Detail, Event
from appliance.audit.events import BOX


def model_engine(
    action: Literal["load", "unload", "evict", "fail", "pin", "unpin"],
    actor: str,
    *,
    model: str,
    code: str | None = None,
) -> Event:
    """A model was loaded, let go or put out for another one, failed with a code, or was pinned."""
    return Event(f"model:engine:{action}", actor, model, None, {"code": code})


def completion_turn_away(actor: str, *, route: str, model: str, code: str, count: int) -> Event:
    """Within a second or so many requests of a caller found no place at a full engine."""
    details: dict[str, Detail] = {"code": code, "count": count, "model": model, "route": route}
    return Event("model:completion:turn-away", actor, None, None, details)


def deployment_change(
    action: Literal["apply", "revert", "drain", "withdraw"],
    actor: str,
    *,
    name: str,
    revision: int,
    targets: list[str],
) -> Event:
    """A served name was given targets ("model+adapter=weight"), put back, drained or withdrawn."""
    details: dict[str, Detail] = {"revision": revision, "targets": list(targets)}
    return Event(f"model:deployment:{action}", actor, name, None, details)


def adapter_step(
    action: Literal["register", "approve", "load", "promote", "revert", "remove"],
    actor: str,
    *,
    adapter: str,
    base: str,
    digest: str,
) -> Event:
    """An adapter went a step further or back; `digest` is that of its own manifest."""
    details: dict[str, Detail] = {"base": base, "digest": digest}
    return Event(f"model:adapter:{action}", actor, adapter, None, details)


def lease_hold(
    action: Literal["take", "yield", "release"], *, lease: str, holder: str, purpose: str
) -> Event:
    """Memory and cores were lent, asked back, or given back."""
    details: dict[str, Detail] = {"holder": holder, "purpose": purpose}
    return Event(f"lease:hold:{action}", BOX, lease, None, details)


def lease_window(actor: str, *, purpose: str, window: str) -> Event:
    """A purpose was given its hours; an empty text means all day."""
    return Event("lease:window:set", actor, purpose, None, {"window": window})
