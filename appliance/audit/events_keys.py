"""The events of the vault's keys: a rotation or an erasure is recorded before it is done, and after."""

from typing import Literal

from appliance.audit.event import Detail, Event


def key_change(
    action: Literal["ask", "done", "refuse"], actor: str, *, what: str, key: str, digest: str
) -> Event:
    """A key was to be replaced, or what it locks erased by destroying it.

    `what` is "rotate" or "erase"; `key` names the key, or by a keyed hash the patient or dataset, and
    never the patient; `digest` is that of the certificate of destruction.
    """
    details: dict[str, Detail] = {"digest": digest, "key": key, "what": what}
    return Event(f"vault:key:{action}", actor, None, None, details)
