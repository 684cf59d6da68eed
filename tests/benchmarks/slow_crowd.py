"""The slow clients of the benchmark of that name: heads and bodies byte by byte, and answers unread."""

import argparse
import asyncio
import json
import socket
import sys
from collections import Counter

import uvloop

from tests.benchmarks.gateway_load import Load

KINDS = ("head", "body", "deaf")
_DRIP_S = 1.0


class Slow(asyncio.Protocol):
    """One connection that never does what it should, and how it ended."""

    def __init__(self, kind: str, request: bytes) -> None:
        split = request.index(b"\r\n\r\n") + 4
        self.kind = kind
        self.first = {"head": b"POST", "body": request[:split], "deaf": request}[kind]
        self.rest = {"head": request[4:split], "body": request[split:], "deaf": b""}[kind]
        self.transport: asyncio.Transport | None = None
        self.words = b""
        self.end = "still open"

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self.first)
        if self.kind == "deaf":
            # At once it would be undone: the transport begins to read after this.
            asyncio.get_running_loop().call_soon(transport.pause_reading)

    def data_received(self, data: bytes) -> None:
        self.words = (self.words + data)[:64]

    def connection_lost(self, exc) -> None:
        self.transport = None
        status = self.words[9:12].decode("ascii", "replace")
        if self.kind == "deaf" and status == "200":
            status = ""
        self.end = status or ("reset" if exc is not None else "closed")

    def drip(self) -> None:
        """Send one byte more; the last two never."""
        if self.transport is not None and len(self.rest) > 2:
            self.transport.write(self.rest[:1])
            self.rest = self.rest[1:]


async def come(slow: Slow, port: int, source: str) -> None:
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    if slow.kind == "deaf":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind((source, 0))
    try:
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.create_connection(lambda: slow, sock=sock)
    except OSError as error:
        sock.close()
        slow.end = f"not connected: {error.strerror}"


async def drip(everybody: list[Slow]) -> None:
    while True:
        await asyncio.sleep(_DRIP_S)
        for one in everybody:
            one.drip()


async def crowd(request: bytes, options: argparse.Namespace) -> dict[str, dict[str, int]]:
    """Come, drip until the time is over, and tell how many ended how, by kind."""
    everybody = [Slow(KINDS[n % len(KINDS)], request) for n in range(options.clients)]
    loop = asyncio.get_running_loop()
    dripping = loop.create_task(drip(everybody))
    for at in range(0, len(everybody), 100):
        some = enumerate(everybody[at : at + 100], at)
        await asyncio.gather(
            *(come(one, options.port, f"127.0.1.{1 + n % options.addresses}") for n, one in some)
        )
    await asyncio.sleep(options.seconds)
    dripping.cancel()
    # Only who listens again learns that it was cut.
    for one in everybody:
        if one.kind == "deaf" and one.transport is not None:
            one.transport.resume_reading()
    await asyncio.sleep(1.0)
    return {
        kind: dict(Counter(one.end for one in everybody if one.kind == kind).most_common())
        for kind in KINDS
    }


def main() -> None:
    """Runs the crowd and prints how it ended as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--addresses", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    request = Load(key=sys.stdin.readline().strip(), stream=True).request
    print(json.dumps(uvloop.run(crowd(request, options))))


if __name__ == "__main__":
    main()
