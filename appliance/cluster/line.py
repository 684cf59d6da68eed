"""The one call that a box makes to join: a sealed message to the first box, a sealed answer back."""

import json
from base64 import b64decode, b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from appliance.cluster.errors import HeadUnreachable, HeadUntrusted, TokenRefused
from appliance.cluster.token import MAX_MESSAGE
from models.cluster import join_host

if TYPE_CHECKING:
    from aiohttp import ClientResponse

SCHEME = "https"
JOIN: Final = "/api/v1/cluster/join"
_PATIENCE_S: Final = 30.0
_KNOCK_S: Final = 5.0


async def ask_head(address: str, port: int, sealed: bytes) -> bytes:
    """Send a sealed wish to join and return the sealed answer.

    The certificate of the far side is not judged here: both messages are sealed with the join
    token's secret, which proves each side to the other and hides both from whoever stands between.

    Raises:
        HeadUnreachable: Nobody answers there.
        TokenRefused: The first box refused.
        HeadUntrusted: What answers is no box.
    """
    import aiohttp  # noqa: PLC0415  # most boxes never join a cluster

    where = join_host(address, port)
    patience = aiohttp.ClientTimeout(total=_PATIENCE_S, connect=_KNOCK_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=patience, trust_env=False) as session,
            session.post(
                f"{SCHEME}://{where}{JOIN}",
                json={"message": b64encode(sealed).decode()},
                ssl=False,
                allow_redirects=False,
            ) as answer,
        ):
            raw = await _bounded(answer)
            if answer.status in {401, 403, 422}:
                raise TokenRefused
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise HeadUnreachable(address=where, reason=f"HTTP {answer.status}")
            told = json.loads(raw)
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise HeadUnreachable(address=where, reason=type(error).__name__) from error
    except (aiohttp.ClientError, ValueError, RecursionError) as error:
        raise HeadUntrusted from error
    try:
        return b64decode(str(told["message"]), validate=True)
    except (ValueError, TypeError, KeyError) as error:
        raise HeadUntrusted from error


async def _bounded(answer: "ClientResponse") -> bytes:
    raw = b""
    async for piece in answer.content.iter_any():
        raw += piece
        if len(raw) > 2 * MAX_MESSAGE:
            raise HeadUntrusted
    return raw
