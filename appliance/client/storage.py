"""The part of a conversation with a box that is about its encrypted storage."""

from appliance.client.transport import Transport
from appliance.contract.storage import StorageView


class Storage:
    """Back end, findings and space; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def look(self) -> StorageView:
        """How the storage stands."""
        return await self._wire.view(StorageView, "GET", "/api/v1/storage")

    async def grow(self) -> StorageView:
        """Use the whole of a device that was made larger."""
        return await self._wire.view(StorageView, "POST", "/api/v1/storage/grow")
