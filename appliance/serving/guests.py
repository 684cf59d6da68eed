"""What this box lends to the other boxes of its cluster, and how it answers for them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

from appliance.audit.events_cluster import cluster_peer_serve
from appliance.audit.identifiers import is_identifier
from appliance.cluster.announcement import Offer, Share
from appliance.cluster.door import Visit
from appliance.cluster.errors import PeerRefused
from appliance.serving.deployment import Deployments
from appliance.serving.exchange import Exchange
from appliance.serving.lease import Audit
from appliance.serving.residency import Residency
from appliance.serving.resident import Resident
from appliance.serving.room import ModelSource
from appliance.serving.upstream import Upstream
from models.engines.routes import routes_of

# Counting tokens has a path of its own at llama-server.
_COUNT: Final = "/v1/chat/completions/input_tokens"
_SALT: Final = b'"cache_salt"'


class Guests:
    """Engines of this box, as other boxes may use them; one event loop.

    Args:
        residency: The models in memory.
        deployments: The served names.
        shelf: The models.
        upstream: The upstream of a resident, alone or with an adapter; None when it cannot be asked.
        log: Who was served is on record before its answer leaves.
    """

    def __init__(
        self,
        residency: Residency,
        deployments: Deployments,
        shelf: ModelSource,
        upstream: Callable[[Resident, str | None], Upstream | None],
        log: Audit,
    ) -> None:
        self._residency = residency
        self._deployments = deployments
        self._shelf = shelf
        self._upstream = upstream
        self._log = log
        self._here: Counter[tuple[str, str]] = Counter()

    def check(self, name: str) -> None:
        """Pass a served name or a model of this box. Raises ModelUnknown."""
        if self._deployments.split(name) is None:
            self._shelf.get(name)

    def in_flight(self) -> int:
        """Requests of other boxes that are being answered."""
        return self._here.total()

    def offers(self, models: frozenset[str], peer: str) -> tuple[Offer, ...]:
        """What of some models can be asked for right now, as told to one box."""
        residents = self._residency.residents
        here = (residents[model] for model in sorted(models) if model in residents)
        return tuple(offer for one in here for offer in self._offers(one, peer))

    def names(self, shared: frozenset[str]) -> dict[str, tuple[Share, ...]]:
        """Served names that are shared and not drained, with their targets."""
        return {
            name: tuple(
                Share(one.model, one.adapter, one.weight)
                for one in self._deployments.get(name).targets
                if one.weight
            )
            for name in sorted(shared)
            if self._deployments.split(name) is not None
        }

    @asynccontextmanager
    async def visit(self, visit: Visit) -> AsyncIterator[Exchange]:
        """Have an engine answer a request of another box.

        Raises:
            PeerRefused: That model is not in memory, or that is no path of its engine.
            EngineDraining: It is being taken away.
            EngineGone, EngineSilent, EngineBusy: as the engine.
            AuditUnavailable: That cannot be put on record.
        """
        one = self._residency.residents.get(visit.model)
        upstream = None if one is None else self._upstream(one, visit.adapter)
        if upstream is None or visit.path not in {*routes_of(upstream.engine).values(), _COUNT}:
            raise PeerRefused(peer=visit.peer, model=ascii(visit.model[:64]))
        upstream.enter()
        key = (visit.peer, visit.model)
        self._here[key] += 1
        try:
            recorded = self._record(visit, upstream)
            body = _body(visit, upstream)
            exchange = await upstream.pool.ask(visit.path, body, f"peer:{visit.peer}")
            try:
                await recorded
                yield exchange
            finally:
                exchange.abort()
        finally:
            self._here[key] -= 1
            upstream.leave()

    def _offers(self, one: Resident, peer: str) -> Iterator[Offer]:
        for adapter in (None, *(each.id for each in one.adapters)):
            upstream = self._upstream(one, adapter)
            if upstream is None or one.supervisor is None:
                continue
            yield Offer(
                model=upstream.model,
                adapter=adapter,
                digest=upstream.digest,
                adapter_digest=upstream.adapter_digest,
                content=upstream.content,
                engine=upstream.engine,
                called=upstream.called,
                context=upstream.context,
                abilities=tuple(sorted(upstream.abilities)),
                slots=max(1, one.supervisor.spec.placement.slots),
                load=max(0, one.in_flight - self._here[peer, upstream.model]),
            )

    def _record(self, visit: Visit, upstream: Upstream) -> "asyncio.Future[object]":
        request = visit.request_id if is_identifier(visit.request_id) else ""
        event = cluster_peer_serve(
            request, peer=visit.peer, model=upstream.model, digest=upstream.digest
        )
        recorded = asyncio.wrap_future(self._log.append(event))
        # Looked at here too, because a visit that fails for another reason awaits no record.
        recorded.add_done_callback(lambda done: done.cancelled() or done.exception())
        return recorded


def _body(visit: Visit, upstream: Upstream) -> bytes:
    """The request with this box's own members; the salt of the caller's tenant came with it."""
    members = upstream.tail
    if upstream.salt is not None and _SALT not in visit.body:
        members += upstream.salt(f"peer:{visit.peer}")
    return visit.body[:-1] + members + b"}" if members else visit.body
