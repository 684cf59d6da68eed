"""A tiny HTTP/1.1 client for asking an engine whether it lives; the gateway has its own."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.engines.engine import Address, ProbeRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_ANSWER: Final = 1 << 20
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d{1,15})\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What came back.

    Attributes:
        status: HTTP status; 0 when nothing came.
        body: The body, chunked or not, undecoded.
        problem: Why nothing came, "" otherwise.
    """

    status: int
    body: bytes
    problem: str = ""


async def ask(
    address: Address,
    secret: str,
    request: ProbeRequest,
    *,
    timeout_s: float,
) -> ProbeAnswer:
    """Sends one request on a connection of its own.

    Args:
        address: Where the engine listens.
        secret: Its bearer, "" for none.
        request: What to send.
        timeout_s: Seconds for connecting, sending and reading in all.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(address, _encode(secret, request))
    except TimeoutError:
        return ProbeAnswer(0, b"", f"no answer within {timeout_s:g} s")
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return ProbeAnswer(0, b"", type(error).__name__)


def works(answer: ProbeAnswer, request: ProbeRequest) -> bool:
    """Whether the answer is the one that only a working engine gives."""
    return answer.status == 200 and request.expect.encode() in answer.body  # noqa: PLR2004


def _encode(secret: str, request: ProbeRequest) -> bytes:
    body = b"" if request.method == "GET" else json.dumps(request.body).encode()
    headers: Mapping[str, str] = {
        "Host": "127.0.0.1",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **({"Authorization": f"Bearer {secret}"} if secret else {}),
    }
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _exchange(address: Address, raw: bytes) -> ProbeAnswer:
    if address.uds is not None:
        reader, writer = await asyncio.open_unix_connection(str(address.uds))
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(raw)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(None, 2)[1])
        return ProbeAnswer(status, await _body(reader, head))
    except IndexError as error:
        raise ValueError("no status line") from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The body by its declared length, else everything until the end of chunks or connection."""
    length = _LENGTH.search(head)
    if length is not None:
        return await reader.readexactly(min(int(length.group(1)), _MAX_ANSWER))
    answer = b""
    while len(answer) < _MAX_ANSWER and not answer.endswith(b"\r\n0\r\n\r\n"):
        part = await reader.read(_MAX_ANSWER)
        if not part:
            break
        answer += part
    return answer
