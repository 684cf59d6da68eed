"""The load of the streaming benchmark: as `gateway_load`, and what passes between the events."""

import argparse
import json
import sys
import time

import uvloop

from tests.benchmarks.gateway_load import Client, Load

_EVENT = b"data: {"


class Listener(Client):
    """A client that notes when each event of its stream came."""

    last = 0.0

    def _streamed(self, data: bytes) -> None:
        events = data.count(_EVENT)
        if events:
            now, load = time.perf_counter(), self.load
            load.events += events
            if self.first:
                # What came together came at once: nobody waited between.
                load.gaps += [now - self.last] + [0.0] * (events - 1)
            self.last = now
        super()._streamed(data)


class Listening(Load):
    """Streams, with every gap between two events."""

    kind = Listener

    def __init__(self, *, key: str) -> None:
        super().__init__(key=key, stream=True)
        self.events = 0
        self.gaps: list[float] = []

    async def run(self, port: int, clients: int, seconds: float, warm: float) -> dict[str, float]:
        """The figures of `Load`, those of the gaps, and all events from first to last, in `events`."""
        told = await super().run(port, clients, seconds, warm)
        gaps = sorted(self.gaps)
        middle, late = gaps[len(gaps) // 2], gaps[int(len(gaps) * 0.99)]
        return {**told, "events": self.events, "gap_ms": 1000 * middle, "gap_p99_ms": 1000 * late}


def main() -> None:
    """Runs one load and prints what it measured as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm", type=float, default=2.0)
    options = parser.parse_args()
    load = Listening(key=sys.stdin.readline().strip())
    told = load.run(options.port, options.clients, options.seconds, options.warm)
    print(json.dumps(uvloop.run(told)))


if __name__ == "__main__":
    main()
