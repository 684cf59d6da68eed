"""Replicas of a model on several boxes: which of them answers next, and which are left in peace."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from appliance.cluster.errors import ReplicasGone

CHECK_S: Final = 5.0
REST_S: Final = 10.0
"""How long a replica that failed is left in peace, unless a check finds it well before."""
_CHECK_PATIENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Replica:
    """One box that serves one model.

    Attributes:
        box: The box's address on the interconnect; names the replica.
        model: The model's id.
        url: Root of its peer door, "https://address:port", without a path.
        capacity: Requests that it takes at once.
        outstanding: Requests that are with it now.
        rests_until: It gets nothing before this time (seconds of the service's clock).
    """

    box: str
    model: str
    url: str
    capacity: int = 16
    outstanding: int = 0
    rests_until: float = 0.0


def choose(replicas: Iterable[Replica], now: float, tried: frozenset[str]) -> Replica | None:
    """The healthy replica with the smallest part of its capacity in use; by address when equal.

    Args:
        replicas: those of one model.
        now: the service's clock.
        tried: boxes that this request was at already.
    """
    fit = [
        one
        for one in replicas
        if one.rests_until <= now and one.outstanding < one.capacity and one.box not in tried
    ]
    return min(fit, key=lambda one: (one.outstanding / one.capacity, one.box), default=None)


class ReplicaBook:
    """Who serves what on the boxes of the cluster; one event loop.

    Args:
        clock: seconds that never run backwards.
        context: TLS with the cluster's authority and this box's own certificate; see
            `peer_client_context`. None is for plain replicas in tests.
    """

    def __init__(self, clock: Callable[[], float], context: ssl.SSLContext | None = None) -> None:
        self._clock = clock
        self._context = context
        self._replicas: dict[tuple[str, str], Replica] = {}
        self._session: aiohttp.ClientSession | None = None
        self._checking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._context or False, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        self._checking = asyncio.create_task(self._check_on(), name="replicas")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._checking is not None:
            self._checking.cancel()
            with suppress(asyncio.CancelledError):
                await self._checking
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connections to the peers, over TLS with both certificates."""
        if self._session is None:
            raise RuntimeError("the book is closed")
        return self._session

    def declare(self, box: str, urls: Mapping[str, str], capacity: int = 16) -> None:
        """Say what a box serves: model id to peer door; what it served before and not now is gone."""
        for key in [key for key in self._replicas if key[1] == box and key[0] not in urls]:
            del self._replicas[key]
        for model, url in urls.items():
            held = self._replicas.get((model, box), Replica(box, model, url))
            self._replicas[model, box] = replace(held, url=url, capacity=capacity)

    def withdraw(self, box: str) -> None:
        """Take a box out; what is with it may still end."""
        self.declare(box, {})

    def replicas(self, model: str) -> tuple[Replica, ...]:
        """All replicas of a model, by address."""
        return tuple(one for key, one in sorted(self._replicas.items()) if key[0] == model)

    @asynccontextmanager
    async def borrow(
        self, model: str, tried: frozenset[str] = frozenset()
    ) -> AsyncIterator[Replica]:
        """A replica for one request; a connection that fails inside lets it rest.

        Args:
            model: the model's id.
            tried: boxes that this request failed at; a request whose first byte has come back
                must not be tried again.

        Raises:
            ReplicasGone: none is left.
        """
        chosen = choose(self.replicas(model), self._clock(), tried)
        if chosen is None:
            raise ReplicasGone(model=model)
        key = (model, chosen.box)
        self._change(key, 1)
        try:
            yield chosen
        except (aiohttp.ClientConnectionError, TimeoutError):
            self.rest(chosen.box)
            raise
        finally:
            self._change(key, -1)

    def rest(self, box: str) -> None:
        """Give a box nothing for `REST_S` seconds."""
        for key, one in self._replicas.items():
            if key[1] == box:
                self._replicas[key] = replace(one, rests_until=self._clock() + REST_S)

    async def check(self) -> None:
        """Ask every peer door for its health once; who does not answer rests, who does is back."""
        doors = {one.box: one.url for one in self._replicas.values()}
        well = await asyncio.gather(*(self._well(url) for url in doors.values()))
        for box, good in zip(doors, well, strict=True):
            if not good:
                self.rest(box)
                continue
            for key, one in self._replicas.items():
                if key[1] == box:
                    self._replicas[key] = replace(one, rests_until=0.0)

    async def _well(self, url: str) -> bool:
        patience = aiohttp.ClientTimeout(total=_CHECK_PATIENCE_S)
        try:
            async with self.session.get(f"{url}/health", timeout=patience) as answer:
                return answer.status == 200  # noqa: PLR2004
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _check_on(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            await self.check()

    def _change(self, key: tuple[str, str], by: int) -> None:
        held = self._replicas.get(key)
        if held is not None:
            self._replicas[key] = replace(held, outstanding=max(0, held.outstanding + by))


def peer_client_context(secrets: Path) -> ssl.SSLContext:
    """TLS towards a peer: it must have a certificate of the cluster for its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _own(context, secrets)


def peer_server_context(secrets: Path) -> ssl.SSLContext:
    """TLS of this box's peer door: who has no certificate of the cluster is not heard."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _own(context, secrets)


def _own(context: ssl.SSLContext, secrets: Path) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(secrets / "ca.pem")
    context.load_cert_chain(secrets / "cert.pem", secrets / "key.pem")
    return context
