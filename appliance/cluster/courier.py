"""Carries announcements to the peer doors of other boxes, signed with this box's own key."""

import ssl
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec

from appliance.cluster.announcement import Announcement, to_sign
from appliance.cluster.door import ANNOUNCE, SIGNATURE
from models.cluster import join_host
from secure_compute.certificates import Credential
from secure_compute.peers import sign_as_peer

_PATIENCE: Final = aiohttp.ClientTimeout(total=3.0)
_LONGEST_EPOCH: Final = 64
_TRIES: Final = 2

Words = Callable[[str, str], Announcement]
"""What to tell a box, by its address and by what its announcements must name."""


class Courier:
    """Speaks to the neighbours; a context manager.

    Args:
        context: TLS with the cluster's authority and this box's certificate.
        own: This box's certificate and key.
    """

    def __init__(self, context: ssl.SSLContext, own: Credential) -> None:
        self._context = context
        self._own = own
        self._epochs: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._context)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=_PATIENCE, trust_env=False
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def tell(self, door: tuple[str, int], words: Words) -> bool:
        """Tell one box; who has begun anew says what its announcements must name, and hears again.

        Returns:
            Whether it took what it was told. A box that does not answer hears the next one.
        """
        address, _ = door
        for _ in range(_TRIES):
            told = words(address, self._epochs.get(address, ""))
            try:
                status, epoch = await self._post(door, msgspec.json.encode(told))
            except (aiohttp.ClientError, TimeoutError, ValueError):
                return False
            if status == HTTPStatus.CONFLICT:
                self._epochs[address] = epoch
                continue
            return status == HTTPStatus.OK
        return False

    async def _post(self, door: tuple[str, int], body: bytes) -> tuple[int, str]:
        if self._session is None:
            return 0, ""
        signature = b64encode(sign_as_peer(self._own, to_sign(body))).decode()
        async with self._session.post(
            f"https://{join_host(*door)}{ANNOUNCE}",
            data=body,
            headers={SIGNATURE: signature},
            allow_redirects=False,
        ) as answer:
            epoch = await answer.content.read(_LONGEST_EPOCH)
            return answer.status, epoch.decode("ascii")
