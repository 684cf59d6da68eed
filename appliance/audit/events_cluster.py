"""The events of the cluster: founded, invited, joined, left, lost; lent to and borrowed from."""

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


def cluster_model(
    action: Literal["share", "withhold"], actor: str, *, name: str, address: str
) -> Event:
    """A model or served name of this box (`address`) is lent to the cluster's other boxes, or not."""
    return Event(f"cluster:model:{action}", actor, name, None, {"address": address})


def cluster_peer_ask(request_id: str, *, peer: str, model: str, digest: str) -> Event:
    """A request of this box goes to another one, which may read it."""
    details = {"model": model, "digest": digest}
    return Event("cluster:peer:ask", "box", peer, request_id or None, details)


def cluster_peer_serve(request_id: str, *, peer: str, model: str, digest: str) -> Event:
    """This box answers a request that another one took; that one holds the record of the answer."""
    details = {"model": model, "digest": digest}
    return Event("cluster:peer:serve", f"peer:{peer}", peer, request_id or None, details)


def cluster_peer_refuse(peer: str, *, reason: str) -> Event:
    """Another box of the cluster was refused; of equal ones in a minute only the first is told."""
    return Event("cluster:peer:refuse", f"peer:{peer}", peer, None, {"reason": reason})
