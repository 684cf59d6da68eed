"""The events of the cluster: founded, invited, joined, left, lost."""

from typing import Literal

from appliance.audit.event import Event


def cluster_member(
    action: Literal["found", "invite", "admit", "join", "leave", "lose", "return", "strike"],
    actor: str,
    *,
    address: str,
    authority: str,
) -> Event:
    """A box entered a cluster or went; `authority` begins the fingerprint of the cluster's own."""
    return Event(f"cluster:member:{action}", actor, address, None, {"authority": authority[:23]})
