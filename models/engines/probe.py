"""A tiny HTTP/1.1 client for asking an engine whether it lives; the gateway has its own."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Final

from models.engines.engine import Address, ProbeRequest

_MAX_ANSWER: Final = 1 << 20
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d{1,15})\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What came back.

    Attributes:
        status: HTTP status; 0 when nothing came.
        body: The body, taken out of its chunks; cut at a megabyte.
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
    return not fault(answer, request)


def fault(answer: ProbeAnswer, request: ProbeRequest) -> str:
    """What is wrong with an answer, "" when nothing is.

    A status alone proves nothing: an engine may answer 200 with a page, with half a document, with
    no token in it, or with vectors of NaN.
    """
    if answer.problem:
        return answer.problem
    if answer.status != 200:  # noqa: PLR2004
        return f"HTTP {answer.status}"
    if not request.expect:
        return ""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "not JSON"
    judge = _JUDGES.get(request.expect)
    if judge is None:
        return "" if request.expect.encode() in answer.body else f"no {request.expect}"
    return "" if isinstance(document, dict) and judge(document) else f"no {request.expect}"


def _has_token(document: Mapping[str, object]) -> bool:
    choices, usage = document.get("choices"), document.get("usage")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return False
    if not isinstance(usage, dict):
        return choices[0].get("finish_reason") is not None
    count = usage.get("completion_tokens")
    return isinstance(count, int) and count > 0


def _has_vector(document: Mapping[str, object]) -> bool:
    rows = document.get("data")
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return False
    return _finite(rows[0].get("embedding"))


def _has_ranking(document: Mapping[str, object]) -> bool:
    rows = document.get("results")
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return False
    return _finite([rows[0].get("relevance_score", rows[0].get("score"))])


def _has_judgement(document: Mapping[str, object]) -> bool:
    rows = document.get("results")
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return False
    return isinstance(rows[0].get("flagged"), bool)


def _finite(numbers: object) -> bool:
    return (
        isinstance(numbers, list)
        and bool(numbers)
        and all(isinstance(number, int | float) and isfinite(number) for number in numbers)
    )


_JUDGES: Final[Mapping[str, Callable[[Mapping[str, object]], bool]]] = {
    "choices": _has_token,
    "embedding": _has_vector,
    "results": _has_ranking,
    "flagged": _has_judgement,
}


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
    chunked = b"chunked" in head.lower()
    answer = b""
    while len(answer) < _MAX_ANSWER:
        part = await reader.read(_MAX_ANSWER)
        if not part:
            break
        answer += part
        if chunked and answer.endswith(b"0\r\n\r\n"):
            break
    return _unchunk(answer) if chunked else answer


def _unchunk(raw: bytes) -> bytes:
    """The content of chunks (RFC 9112, 7.1).

    Raises:
        ValueError: A chunk is malformed, or the last one is missing: half an answer.
    """
    content, place = b"", 0
    while True:
        line, mark, _ = raw[place:].partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if not mark or size < 0 or place + len(line) + 2 + size > len(raw):
            raise ValueError("half a chunk")
        if size == 0:
            return content
        begin = place + len(line) + 2
        content += raw[begin : begin + size]
        place = begin + size + 2
