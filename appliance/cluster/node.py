"""Keeps this box's Ray node alive: secrets laid out, a process kept, questions asked of it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.cluster.errors import RayMissing, RaySilent
from appliance.cluster.store import Membership
from models.cluster import (
    NodeState,
    RayNode,
    drain_argv,
    nodes_argv,
    ray_env,
    read_nodes,
    start_argv,
)
from models.engines.process import Exit, KeptProcess, Listening
from models.errors import ClusterAnswerUnreadable

PAUSES_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
"""How long to wait before each new start of a node that ended by itself."""

_ANSWER_S: Final = 45.0
_STOP_S: Final = 20.0
_LOOK_S: Final = 3.0


class Programs(Protocol):
    """What keeps programs alive: `models.engines.process.ProcessKeeper`."""

    async def start(
        self, argv: Sequence[str], env: Mapping[str, str], *, listening: Listening | None = None
    ) -> KeptProcess:
        """Start a program that ends with this process."""
        ...


@dataclass(frozen=True, slots=True)
class Lent:
    """What this box lends to the cluster: cores, accelerators, bytes of shared memory."""

    cpus: int
    gpus: int
    object_store_bytes: int


class RayKeeper:
    """One Ray node in the foreground of a guard, started again when it ends by itself.

    Args:
        programs: starts processes that end with the box.
        python: the interpreter of the environment that holds Ray.
        secrets: where the node finds token, key and certificates; inside the vault.
        lent: what the node offers.
    """

    def __init__(self, programs: Programs, python: Path, secrets: Path, lent: Lent) -> None:
        self._programs = programs
        self._python = python
        self._secrets = secrets
        self._lent = lent
        self._task: asyncio.Task[None] | None = None
        self._kept: KeptProcess | None = None
        self._node: RayNode | None = None
        self._leaving = False
        self.restarts = 0

    def require(self) -> None:
        """Raise RayMissing unless the environment is there."""
        if not self._python.exists():
            raise RayMissing(path=self._python)

    @property
    def running(self) -> bool:
        """Whether the node's process lives."""
        return self._kept is not None and self._kept.alive

    def env(self) -> dict[str, str]:
        """What vLLM or Ray Train need in their environment to use the cluster. Raises RaySilent."""
        return ray_env(self._there())

    async def start(self, membership: Membership) -> None:
        """Lay out the secrets and start the node; it is kept alive from here on."""
        self.require()
        self._leaving = False
        await asyncio.to_thread(_lay_out, self._secrets, membership)
        # Ray's sockets need a short path, which a state directory is not; nothing lasting is there.
        temp = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="wb-ray-"))
        self._node = RayNode(
            self._python,
            membership.address,
            membership.head,
            self._secrets,
            temp,
            membership.base_port,
            self._lent.cpus,
            self._lent.gpus,
            self._lent.object_store_bytes,
        )
        started = asyncio.Event()
        self._task = asyncio.create_task(self._keep(self._node, started), name="ray-node")
        await started.wait()

    async def stop(self) -> None:
        """End the node with everything it started, and take its secrets away."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._kept is not None and self._kept.alive:
            await self._kept.stop(_STOP_S)
        node, self._node, self._kept = self._node, None, None
        for place in (self._secrets, *([node.temp] if node else [])):
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    async def nodes(self) -> tuple[NodeState, ...]:
        """All nodes of the cluster. Raises RaySilent."""
        node = self._there()
        lines: list[str] = []
        await self._ask(nodes_argv(node), node, lines.append)
        try:
            return read_nodes("\n".join(lines))
        except ClusterAnswerUnreadable as error:
            raise RaySilent from error

    async def drain(self, seconds: int) -> bool:
        """Have the cluster give this node no new work, and wait until it is idle.

        Returns:
            Whether it became idle within `seconds`.
        """
        node = self._there()
        own = await self._own(node)
        # A drained node ends by itself once nothing runs on it; it must not be started again.
        self._leaving = True
        await self._ask(drain_argv(node, own.id, seconds), node, lambda _: None)
        task = self._task
        if task is None:
            return True
        done, _ = await asyncio.wait({task}, timeout=seconds)
        return bool(done)

    async def _own(self, node: RayNode) -> NodeState:
        for state in await self.nodes():
            if state.address == node.address:
                return state
        raise RaySilent

    def _there(self) -> RayNode:
        if self._node is None:
            raise RaySilent
        return self._node

    async def _ask(self, argv: Sequence[str], node: RayNode, hear: Callable[[str], object]) -> None:
        asked = await self._programs.start(argv, ray_env(node), listening=Listening(hear=hear))
        try:
            done: Exit = await asyncio.wait_for(asked.wait(), _ANSWER_S)
        except TimeoutError as error:
            raise RaySilent from error
        finally:
            if asked.alive:
                await asked.stop(0)
        if done.code != 0:
            raise RaySilent

    async def _keep(self, node: RayNode, started: asyncio.Event) -> None:
        while True:
            try:
                self._kept = await self._programs.start(
                    start_argv(node), ray_env(node), listening=Listening(guarded=True)
                )
            finally:
                started.set()
            await _over(self._kept, node)
            if self._leaving:
                return
            pause = PAUSES_S[min(self.restarts, len(PAUSES_S) - 1)]
            self.restarts += 1
            await asyncio.sleep(pause)


async def _over(kept: KeptProcess, node: RayNode) -> None:
    """Wait until the node is over: its launcher stays on when the node ended in good order."""
    ended = asyncio.create_task(kept.wait())
    seen = False
    try:
        while not ended.done():
            await asyncio.wait({ended}, timeout=_LOOK_S)
            listens = await _listens(node)
            if seen and not listens:
                await kept.stop(_STOP_S)
                return
            seen = seen or listens
    finally:
        ended.cancel()


async def _listens(node: RayNode) -> bool:
    try:
        async with asyncio.timeout(_LOOK_S):
            _, writer = await asyncio.open_connection(node.address, node.base_port + 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _lay_out(secrets: Path, membership: Membership) -> None:
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in (
        ("token", membership.ray_token.encode()),
        ("ca.pem", membership.authority.certificate_pem),
        ("cert.pem", membership.own.certificate_pem),
        ("key.pem", membership.own.key_pem),
    ):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(secrets / name, flags, 0o600), "wb") as file:
            file.write(content)
