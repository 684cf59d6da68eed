"""The part of a conversation with a box that is about what stands behind its record."""

from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.contract.bodies import BodyView, ForgetWish
from appliance.contract.vault_keys import DestructionCertificate

_AUDIT = "/api/v1/audit"


class Bodies:
    """Reading bodies and forgetting patients; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def read(self, which: str) -> BodyView:
        """The texts behind an entry, by its index or its receipt; the reading is recorded."""
        return await self._wire.view(BodyView, "GET", f"{_AUDIT}/bodies/{quote(which, safe='')}")

    async def forget(self, wish: ForgetWish) -> DestructionCertificate:
        """Destroy a patient's keys for good."""
        return await self._wire.view(DestructionCertificate, "POST", f"{_AUDIT}/forget", wish)
