"""The part of a conversation with a box that is about witnesses and forwarding."""

from collections.abc import Sequence
from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.contract.outside import (
    MOST_NOTES,
    BroughtNote,
    BroughtNotes,
    CheckpointPage,
    ForwardTested,
    ForwardView,
    OfferList,
    TakenList,
    TakenView,
    WitnessList,
    WitnessWish,
)

_AUDIT = "/api/v1/audit"
_PATH = f"{_AUDIT}/witnesses"
_MOST_BYTES = 600_000


class Outside:
    """Witnesses and the SIEM; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def checkpoints(self, before: int | None = None, limit: int = 20) -> CheckpointPage:
        """Cosigned checkpoints, largest first."""
        query = f"?limit={limit}" + ("" if before is None else f"&before={before}")
        return await self._wire.view(CheckpointPage, "GET", f"{_AUDIT}/checkpoints{query}")

    async def witnesses(self) -> WitnessList:
        """Who cosigns, and when they did."""
        return await self._wire.view(WitnessList, "GET", _PATH)

    async def add(self, wish: WitnessWish) -> WitnessList:
        """Register a witness."""
        return await self._wire.view(WitnessList, "POST", _PATH, wish)

    async def remove(self, name: str) -> None:
        """Forget a witness."""
        await self._wire.json("DELETE", f"{_PATH}/{quote(name, safe='')}")

    async def offers(self) -> OfferList:
        """What goes onto a stick."""
        return await self._wire.view(OfferList, "POST", f"{_PATH}/offers")

    async def take(self, notes: Sequence[BroughtNote]) -> tuple[TakenView, ...]:
        """Hand in what came back, as many at a time as a request holds."""
        taken: list[TakenView] = []
        batch: list[BroughtNote] = []
        for one in notes:
            held = sum(len(kept.note) for kept in batch) + len(one.note)
            if batch and (len(batch) == MOST_NOTES or held > _MOST_BYTES):
                taken += await self._take(batch)
                batch = []
            batch.append(one)
        return (*taken, *(await self._take(batch) if batch else ()))

    async def renew(self) -> WitnessList:
        """Make another second key."""
        return await self._wire.view(WitnessList, "POST", f"{_PATH}/second-key")

    async def forwarding(self) -> ForwardView:
        """How forwarding stands."""
        return await self._wire.view(ForwardView, "GET", f"{_AUDIT}/forwarding")

    async def test_forwarding(self) -> ForwardTested:
        """Deliver a test message."""
        return await self._wire.view(ForwardTested, "POST", f"{_AUDIT}/forwarding/test")

    async def _take(self, batch: Sequence[BroughtNote]) -> tuple[TakenView, ...]:
        wish = BroughtNotes(notes=tuple(batch))
        found = await self._wire.view(TakenList, "POST", f"{_PATH}/cosignatures", wish)
        return found.taken
