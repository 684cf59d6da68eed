"""The part of a conversation with a box that is about the ways to open its vault."""

from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.client.vault_keys import VaultKeys
from appliance.contract.access import Unlock, VaultView
from appliance.contract.slots import (
    SlotAdded,
    SlotChange,
    SlotList,
    SlotTest,
    SlotView,
    SlotWish,
)

_VAULT = "/api/v1/vault"
_SLOTS = f"{_VAULT}/slots"


class VaultSlots:
    """Slots; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport
        self.keys = VaultKeys(transport)

    async def unlock(self, wish: Unlock) -> VaultView:
        """Unlock with a secret, shares, or a key file and its passphrase."""
        return await self._wire.view(VaultView, "POST", f"{_VAULT}/unlock", wish)

    async def list(self) -> SlotList:
        """Every slot."""
        return await self._wire.view(SlotList, "GET", _SLOTS)

    async def add(self, wish: SlotWish) -> SlotAdded:
        """Add or replace one; its secrets are in the answer and nowhere else."""
        return await self._wire.view(SlotAdded, "POST", _SLOTS, wish)

    async def test(self, wish: SlotTest) -> SlotView:
        """Which slot a secret opens, or whether one opens by itself."""
        return await self._wire.view(SlotView, "POST", f"{_SLOTS}/test", wish)

    async def reseal(self, change: SlotChange, slot: str | None = None) -> SlotAdded:
        """Seal a TPM slot to how the machine starts now."""
        path = f"{_SLOTS}/reseal" if slot is None else f"{_SLOTS}/{quote(slot, safe='')}/reseal"
        return await self._wire.view(SlotAdded, "POST", path, change)

    async def revoke(self, slot: str, change: SlotChange) -> SlotView:
        """Remove one."""
        path = f"{_SLOTS}/{quote(slot, safe='')}/revoke"
        return await self._wire.view(SlotView, "POST", path, change)

    async def claim(self) -> VaultView:
        """Say that the vault belongs to this machine."""
        return await self._wire.view(VaultView, "POST", f"{_VAULT}/claim")
