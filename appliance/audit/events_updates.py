"""The events of offline updates beyond verified, refused and applied."""

from typing import Literal

from appliance.audit.event import Detail, Event


def update_step(
    action: Literal["plan", "stage", "bless", "revert"],
    actor: str,
    *,
    name: str,
    version: str,
    code: str | None = None,
) -> Event:
    """A bundle was planned or staged, or the installer blessed or took back its release."""
    details: dict[str, Detail] = {"code": code, "version": version}
    return Event(f"update:bundle:{action}", actor, name, None, details)


def update_override(actor: str, *, name: str, people: list[str]) -> Event:
    """Two people let a bundle pass that is the newest but has expired."""
    return Event("update:bundle:override", actor, name, None, {"people": list(people)})


def update_rollback(actor: str, *, kind: str, name: str, before: str, after: str) -> Event:
    """A package is again what it was before its last update."""
    details: dict[str, Detail] = {"after": after, "before": before, "kind": kind}
    return Event("update:package:rollback", actor, name, None, details)


def health_check(actor: str, *, release: str, failed: list[str]) -> Event:
    """The box checked whether it works after an update."""
    details: dict[str, Detail] = {"failed": list(failed), "release": release}
    return Event("update:health:check", actor, None, None, details)
