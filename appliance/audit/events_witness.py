"""The events of witnesses: who cosigns, what came back, and a record that is not what was cosigned."""

from typing import Literal

from appliance.audit.event import Event


def witness_change(action: Literal["add", "remove"], actor: str, *, name: str, key: str) -> Event:
    """A witness was registered or forgotten; `key` is the id of its key."""
    return Event(f"audit:witness:{action}", actor, name, None, {"key": key})


def witness_take(actor: str, *, name: str, size: int) -> Event:
    """A witness's cosignature over the tree of so many entries came back."""
    return Event("audit:witness:take", actor, name, None, {"size": size})


def second_key_make(actor: str, *, key: str, kind: str, reason: str) -> Event:
    """The box made a second key for cosigning: where it is held, and why."""
    return Event("audit:second-key:make", actor, key, None, {"kind": kind, "reason": reason})


def record_doubt(*, reason: str, size: int) -> Event:
    """The record is not what was cosigned, or the second key cannot say so; told once for each reason."""
    return Event("audit:record:doubt", "box", None, None, {"reason": reason, "size": size})
