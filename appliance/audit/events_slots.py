"""The events of the vault's slots: a change is recorded before it is made, and how it went after."""

from typing import Literal

from appliance.audit.event import Detail, Event


def vault_refuse(actor: str, *, count: int) -> Event:
    """Secrets were refused; those that came while the vault was locked are told when it opens."""
    return Event("vault:root:refuse", actor, None, None, {"count": count})


def slot_change(
    action: Literal["ask", "done", "refuse"], actor: str, *, what: str, kind: str, slot: str
) -> Event:
    """A slot was to be added, replaced, resealed, revoked or tried, or the vault claimed."""
    details: dict[str, Detail] = {"kind": kind, "slot": slot, "what": what}
    return Event(f"vault:slot:{action}", actor, None, None, details)
