"""The one call that a box makes to join: a sealed message to the first box, a sealed answer back."""

from base64 import b64decode, b64encode
from typing import Final

import aiohttp

from appliance.cluster.errors import HeadUnreachable, HeadUntrusted, TokenRefused
from appliance.cluster.token import MAX_MESSAGE
from models.cluster import join_host

JOIN: Final = "/api/v1/cluster/join"
_PATIENCE: Final = aiohttp.ClientTimeout(total=30, connect=5)


async def ask_head(address: str, port: int, sealed: bytes) -> bytes:
    """Send a sealed wish to join and return the sealed answer.

    The certificate of the far side is not judged here: both messages are sealed with the join
    token's secret, which proves each side to the other and hides both from whoever stands between.

    Raises:
        HeadUnreachable: Nobody answers there.
        TokenRefused: The first box refused.
        HeadUntrusted: What answers is no box.
    """
    where = join_host(address, port)
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE, trust_env=False) as session,
            session.post(
                f"https://{where}{JOIN}",
                json={"message": b64encode(sealed).decode()},
                ssl=False,
                allow_redirects=False,
            ) as answer,
        ):
            raw = await answer.content.read(2 * MAX_MESSAGE)
            if answer.status in {401, 403, 422}:
                raise TokenRefused
            told = await answer.json() if len(raw) < 2 * MAX_MESSAGE else {}
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise HeadUnreachable(address=where, reason=type(error).__name__) from error
    except (aiohttp.ClientError, ValueError) as error:
        raise HeadUntrusted from error
    try:
        return b64decode(str(told["message"]), validate=True)
    except (ValueError, TypeError, KeyError) as error:
        raise HeadUntrusted from error
