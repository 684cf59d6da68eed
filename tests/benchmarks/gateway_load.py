"""A load generator for gateways: keep-alive connections, whole or streamed answers, one process."""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import time

import uvloop

_BODY = {
    "model": "wardbox-reference",
    "messages": [
        {"role": "system", "content": "你是住院医师助理。"},
        {"role": "user", "content": "患者右眼视物模糊半年,请拟入院记录。" * 12},
    ],
    "max_tokens": 64,
    "temperature": 0,
}


class Client(asyncio.Protocol):
    """One connection that sends the same request again as soon as the answer is whole."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.buffer = b""
        self.need = -1
        self.first = 0.0
        self.transport = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.load.clients.add(self)
        self._send()

    def connection_lost(self, exc) -> None:
        self.load.clients.discard(self)
        if not self.load.over:
            self.load.failed += 1

    def _send(self) -> None:
        self.sent = time.perf_counter()
        self.first = 0.0
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        if self.load.stream:
            self._streamed(data)
        else:
            self._whole(data)

    def _whole(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.need < 0:
            head = self.buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            low = self.buffer[:head].lower()
            at = low.index(b"content-length:") + 15
            end = low.find(b"\r\n", at)
            length = int(low[at : end if end >= 0 else len(low)])
            self.need = head + 4 + length
            if not low.startswith(b"http/1.1 200"):
                self.load.failed += 1
        if len(self.buffer) >= self.need:
            self.load.done(self, time.perf_counter() - self.sent)
            self.buffer, self.need = b"", -1
            self._send()

    def _streamed(self, data: bytes) -> None:
        if not self.buffer and not data.startswith(b"HTTP/1.1 200"):
            self.load.failed += 1
        if not self.first and b"data: " in data:
            self.first = time.perf_counter() - self.sent
        self.buffer = (self.buffer + data)[-64:]
        if self.buffer.endswith(b"0\r\n\r\n"):
            self.load.done(self, self.first)
            self.buffer = b""
            self._send()


class Load:
    """The clients of one run and what they measured."""

    kind = Client

    def __init__(self, *, key: str, stream: bool) -> None:
        self.stream = stream
        self.clients: set[Client] = set()
        self.times: list[float] = []
        self.failed = 0
        self.over = False
        body = json.dumps({**_BODY, "stream": stream}, ensure_ascii=False).encode()
        self.request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nAuthorization: Bearer %s\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body)
        )

    def done(self, client: Client, seconds: float) -> None:
        self.times.append(seconds)

    async def run(self, port: int, clients: int, seconds: float, warm: float) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        for _ in range(clients):
            await loop.create_connection(lambda: self.kind(self), "127.0.0.1", port)
        await asyncio.sleep(warm)
        warmed = len(self.times)
        self.times.clear()
        began = time.perf_counter()
        spent = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(seconds)
        lasted = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF)
        times, self.over = sorted(self.times), True
        for client in list(self.clients):
            client.transport.abort()
        return {
            "per_second": len(times) / lasted,
            "p50_ms": 1000 * statistics.median(times) if times else 0.0,
            "p99_ms": 1000 * times[int(len(times) * 0.99)] if times else 0.0,
            "failed": self.failed,
            "answers": warmed + len(times),
            "load_cpu": (used.ru_utime - spent.ru_utime + used.ru_stime - spent.ru_stime) / lasted,
        }


def main() -> None:
    """Runs one load and prints what it measured as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm", type=float, default=1.0)
    parser.add_argument("--stream", action="store_true")
    options = parser.parse_args()
    load = Load(key=sys.stdin.readline().strip(), stream=options.stream)
    print(
        json.dumps(
            uvloop.run(load.run(options.port, options.clients, options.seconds, options.warm))
        )
    )


if __name__ == "__main__":
    main()
