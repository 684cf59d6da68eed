"""The event loop of a box: uvloop's, that waits less long for a TLS handshake."""

from typing import Any, Final

import uvloop
from typing_extensions import override

HANDSHAKE_S: Final = 10.0
"""A handshake holds 55 kB and belongs to no connection that is counted; the usual wait is a minute."""


class BoxLoop(uvloop.Loop):
    """Bounds what a server has no word for: uvicorn leaves the handshake to the loop."""

    @override
    async def create_server(self, *args: Any, **named: Any) -> Any:
        """Listen as always; where TLS is spoken, for `HANDSHAKE_S` at most before the first request."""
        if named.get("ssl") is not None:
            named.setdefault("ssl_handshake_timeout", HANDSHAKE_S)
        return await super().create_server(*args, **named)
