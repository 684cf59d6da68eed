"""The part of a conversation with a box that is about the keys of its vault."""

from appliance.client.transport import Transport
from appliance.contract.vault_keys import (
    DatasetList,
    DestructionCertificate,
    Erasure,
    KeyList,
    KeyRotated,
    KeyRotation,
)

_KEYS = "/api/v1/vault/keys"
_DATASETS = "/api/v1/vault/datasets"


class VaultKeys:
    """Keys; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def list(self) -> KeyList:
        """Every key by use and version."""
        return await self._wire.view(KeyList, "GET", _KEYS)

    async def rotate(self, use: str | None) -> KeyRotated:
        """Replace one use, or the root key."""
        return await self._wire.view(KeyRotated, "POST", f"{_KEYS}/rotate", KeyRotation(use=use))

    async def datasets(self, limit: int = 200) -> DatasetList:
        """Files and data sets of all callers, and how each is sealed."""
        return await self._wire.view(DatasetList, "GET", f"{_DATASETS}?limit={limit}")

    async def erase(self, wish: Erasure) -> DestructionCertificate:
        """Destroy something for good."""
        return await self._wire.view(DestructionCertificate, "POST", f"{_KEYS}/erase", wish)
