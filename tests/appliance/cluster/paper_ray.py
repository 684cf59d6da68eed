"""Boxes of a cluster whose Ray is paper: it never starts, and says what it is told to."""

from pathlib import Path

from appliance.cluster.errors import RaySilent
from appliance.cluster.migrations import MIGRATIONS
from appliance.cluster.service import ClusterService
from appliance.cluster.store import ClusterStore, Membership
from models.cluster import NodeState
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db

HEAD, MEMBER = "10.20.0.1", "10.20.0.2"


class PaperRay:
    """A node that never starts, and says what it is told to."""

    def __init__(self) -> None:
        self.running = False
        self.said: tuple[NodeState, ...] | None = None
        self.started: list[Membership] = []

    def require(self) -> None:
        pass

    def env(self) -> dict[str, str]:
        raise RaySilent

    async def start(self, membership: Membership) -> None:
        self.started.append(membership)
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def nodes(self) -> tuple[NodeState, ...]:
        if self.said is None:
            raise RaySilent
        return self.said

    async def drain(self, _: int) -> bool:
        return True


class Box:
    def __init__(self, folder: Path, name: str, clock: HandClock, ask=None) -> None:
        self.db = open_db(folder / f"{name}.db", MIGRATIONS)
        self.audit, self.ray = RememberingAudit(), PaperRay()
        self.store = ClusterStore(self.db)
        self.ask = ask
        self.service = ClusterService(self.store, self.audit, self.ray, name, clock, self._ask)  # type: ignore[arg-type]

    async def _ask(self, address: str, port: int, sealed: bytes) -> bytes:
        assert (address, port) == (HEAD, 8443)
        return await self.ask(sealed)


async def joined(one: Box, two: Box) -> str:
    await one.service.found(HEAD, "user:li")
    token = await one.service.invite(30, "user:li")
    await two.service.join(token, (HEAD, 8443), MEMBER, "user:wang")
    return token


async def close(*boxes: Box) -> None:
    for box in boxes:
        await box.service.close()
