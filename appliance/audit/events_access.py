"""The events of access beyond sign-in: people, accounts, roles, second factors, approvals, usage."""

from typing import Literal

from appliance.audit.event import Detail, Event


def user_change(actor: str, *, name: str, change: str) -> Event:
    """A person's password, role or standing was changed."""
    return Event("access:user:change", actor, name, None, {"change": change})


def session_revoke(actor: str, *, name: str, session: str) -> Event:
    """A person's session was ended by somebody."""
    return Event("access:session:revoke", actor, name, None, {"session": session})


def key_change(actor: str, *, key_id: str, limits: list[str]) -> Event:
    """The limits of an API key were changed."""
    return Event("access:key:change", actor, key_id, None, {"limits": list(limits)})


def account_change(
    action: Literal["create", "change", "disable", "enable", "remove"],
    actor: str,
    *,
    name: str,
    role: str,
) -> Event:
    """A service account was made, changed, disabled, enabled or removed."""
    return Event(f"access:account:{action}", actor, name, None, {"role": role})


def role_change(
    action: Literal["define", "remove", "demand"],
    actor: str,
    *,
    name: str,
    scopes: list[str],
    totp: bool,
) -> Event:
    """A role was defined or removed, or its demand for one-time codes was set."""
    details: dict[str, Detail] = {"scopes": list(scopes), "totp": totp}
    return Event(f"access:role:{action}", actor, name, None, details)


def totp_change(
    action: Literal["enrol", "confirm", "remove", "recover"], actor: str, *, name: str
) -> Event:
    """A second factor was begun, confirmed or removed, or a recovery code was used up."""
    return Event(f"access:totp:{action}", actor, name, None)


def approval(
    action: Literal["request", "approve", "cancel", "execute", "fail"],
    actor: str,
    *,
    approval_id: str,
    what: str,
    requested_by: str,
    approved_by: str | None,
) -> Event:
    """A two-person action ("<action> <subject>") moved on, with the names of both."""
    details: dict[str, Detail] = {
        "approved_by": approved_by,
        "requested_by": requested_by,
        "what": what,
    }
    return Event(f"access:approval:{action}", actor, approval_id, None, details)


def usage_export(actor: str, *, since: int, until: int) -> Event:
    """Metered use was exported, Unix seconds."""
    return Event("access:usage:export", actor, None, None, {"since": since, "until": until})
