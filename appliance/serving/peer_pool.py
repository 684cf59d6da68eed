"""Connections to models on other boxes of the cluster, over mutual TLS."""

import ssl
from collections.abc import Callable
from typing import Final

from appliance.audit.events_cluster import cluster_peer_ask
from appliance.cluster.door import ADAPTER, MODEL, REQUEST
from appliance.cluster.replicas import Replica
from appliance.serving.errors import EngineGone
from appliance.serving.exchange import Exchange
from appliance.serving.lease import Audit
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from appliance.settings.log import REQUEST as NOW

_CONNECT_S: Final = 3.0
_WIDTH: Final = 256


def peer_pool(replica: Replica, context: ssl.SSLContext) -> UpstreamPool:
    """Connections for one model on one other box.

    Args:
        replica: The model and the box.
        context: TLS with the cluster's authority and this box's own certificate.
    """
    offer = replica.offer
    adapter = f"{ADAPTER}: {offer.adapter}\r\n" if offer.adapter else ""
    fixed = f"{MODEL}: {offer.model}\r\n{adapter}Content-Type: application/json\r\n"

    def head(path: str) -> bytes:
        # Every request is found again in both boxes' records by the number of the first.
        return (
            f"POST {path} HTTP/1.1\r\nHost: peer\r\n{fixed}"
            f"{REQUEST}: {NOW.get()}\r\nContent-Length: "
        ).encode("ascii")

    return UpstreamPool(
        Endpoint(
            None,
            replica.address,
            replica.port,
            "",
            width=_WIDTH,
            tls=context,
            connect_s=_CONNECT_S,
            head=head,
        )
    )


class PeerPools:
    """Pools by box and model; one event loop.

    Args:
        context: TLS towards other boxes; None while this one is in no cluster.
        log: What goes to another box is on record.
    """

    def __init__(self, context: Callable[[], ssl.SSLContext | None], log: Audit) -> None:
        self._context = context
        self._log = log
        self._pools: dict[tuple[str, int, str, str | None], UpstreamPool] = {}

    def full(self, replica: Replica) -> bool:
        """Whether every connection to a model of a box is taken."""
        pool = self._pools.get(_key(replica))
        return pool is not None and pool.full

    async def ask(
        self, replica: Replica, path: str, body: bytes, asker: str, *, patient: bool
    ) -> Exchange:
        """Send a request to a box.

        Raises:
            EngineGone: It does not answer.
            EngineBusy, EngineSilent: as an engine.
            AuditUnavailable: That cannot be put on record.
        """
        offer = replica.offer
        context = self._context()
        if context is None:
            raise EngineGone(reason="no cluster")
        key = _key(replica)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = peer_pool(replica, context)
        event = cluster_peer_ask(
            NOW.get(), peer=replica.address, model=offer.model, digest=offer.digest
        )
        # Records are made in order: the one of the answer, which is waited for, comes after it.
        self._log.append(event)
        return await pool.ask(path, body, asker, patient=patient)

    def dismiss(self, over: Callable[[str], bool], why: Callable[[], Exception]) -> None:
        """Let nobody wait here for another box whose asker is `over`."""
        for pool in self._pools.values():
            pool.dismiss(over, why)

    def drop(self, address: str) -> None:
        """Hang up on a box: what it has not begun to answer fails, and moves on."""
        for key in [key for key in self._pools if key[0] == address]:
            self._pools.pop(key).close()


def _key(replica: Replica) -> tuple[str, int, str, str | None]:
    return (replica.address, replica.port, replica.offer.model, replica.offer.adapter)
