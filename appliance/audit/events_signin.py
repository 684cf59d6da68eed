"""The events of certificates and of sign-in from outside directories, one typed function per tag."""

from typing import Literal

from appliance.audit.event import Detail, Event


def certificate_issue(actor: str, *, fingerprint: str, key_id: str) -> Event:
    """A client certificate was issued that has the rights of a key."""
    return Event("access:certificate:issue", actor, fingerprint, None, {"key_id": key_id})


def certificate_revoke(actor: str, *, fingerprint: str) -> Event:
    """A client certificate was revoked."""
    return Event("access:certificate:revoke", actor, fingerprint)


def server_certificate(
    action: Literal["install", "remove", "renew"],
    actor: str,
    *,
    fingerprint: str,
    reason: str | None = None,
) -> Event:
    """The certificate that clients see was installed, taken back or renewed."""
    details: dict[str, Detail] = {"reason": reason}
    return Event(f"box:certificate:{action}", actor, fingerprint, None, details)


def signin_secret(actor: str, *, way: str) -> Event:
    """The box's own secret at a directory was replaced."""
    return Event("access:directory:secret", actor, way)
