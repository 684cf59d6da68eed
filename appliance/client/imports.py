"""The part of a conversation with a box that is about bringing models in."""

from appliance.client.transport import Transport
from appliance.contract.imports import ImportWish
from appliance.contract.job import Job


class Imports:
    """Imports from a stick or a folder of the box; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def submit(self, path: str, model_id: str | None = None) -> Job:
        """Queue an import (local socket only)."""
        wish = ImportWish(path=path, id=model_id)
        return await self._wire.view(Job, "POST", "/api/v1/models/import", wish)
