"""An engine of raw sockets, which answers as a test has it answer."""

import asyncio
from pathlib import Path

from appliance.serving.upstream_client import Endpoint

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Engine:
    """A server whose answers tests write by hand."""

    def __init__(self, path: Path, answer) -> None:
        self.path = path
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []
        self.open = 0
        self.most_open = 0

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.serve, str(self.path))
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        served = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                served += 1
                if not await self.answer(writer, served):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


def endpoint(path: Path, **more) -> Endpoint:
    return Endpoint(path, "", 0, "the-secret", **more)


async def plain(writer, _served):
    writer.write(OK)
    return True
