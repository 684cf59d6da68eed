"""Ten thousand clients that are slow on purpose, and what eight good ones notice of them.

    python -m tests.benchmarks.slow_clients [--clients 10000] [--seconds 40] [--addresses 10]

A third sends a head byte by byte, a third a body, and a third asks for a long stream and reads none of it.
They come from many addresses of this machine, with a key of their own, while eight good clients go on asking
for whole answers. Printed: the good ones' times before, meanwhile and after, the memory of the gateway's
processes, and how the slow ones ended. With `--addresses 1` the limit of one address shows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.benchmarks.gateway import free_port, load, python, running, wait_for
from tests.benchmarks.streaming import Place

GOOD = 8
TOKENS = 1000
OWN = 4096
"""Descriptors beside one for each slow client: the box's own and those of its engine."""


class Watch(threading.Thread):
    """Looks at the memory of the gateway's processes twice a second and keeps the most."""

    def __init__(self, place: Place) -> None:
        super().__init__(daemon=True)
        self.most: dict[str, float] = {}
        self.connections = 0
        self._place = place
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.5):
            with suppress(psutil.Error):
                held = self._place.held()
                if sum(held.values()) > sum(self.most.values()):
                    self.most = held
                self.connections = max(self.connections, self._place.gateway.num_fds())

    def stop(self) -> None:
        self._over.set()
        self.join()


def room(clients: int) -> int:
    """Raise the descriptor limit for so many clients; returns how many there is room for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = clients + OWN
    if hard != resource.RLIM_INFINITY and hard < wanted:
        clients = max(hard - OWN, hard // 2)
        print(f"only {hard} descriptors are allowed (ulimit -Hn): {clients} slow clients instead")
        wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return clients


def show(name: str, told: dict) -> None:
    print(
        f"  {name:<10} {told['per_second']:>7.0f}/s   p50 {told['p50_ms']:>6.1f} ms"
        f"   p99 {told['p99_ms']:>6.1f} ms   failed {told['failed']}",
        flush=True,
    )


def measure(place: Place, key: str, options: argparse.Namespace) -> None:
    """One run: before, meanwhile, after."""
    good = (place.port, place.key)
    print(f"{GOOD} good clients, whole answers of {TOKENS} tokens")
    show("before", load(*good, 5.0, clients=GOOD))
    alone = place.held()
    watch = Watch(place)
    watch.start()
    words = ["--port", str(place.port), "--clients", str(options.clients)]
    words += ["--addresses", str(options.addresses), "--seconds", str(options.seconds)]
    slow = subprocess.Popen(
        python("benchmarks.slow_crowd", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    slow.stdin.write(f"{key}\n")
    slow.stdin.flush()
    show("meanwhile", load(*good, options.seconds, clients=GOOD))
    told = json.loads(slow.communicate()[0])
    watch.stop()
    show("after", load(*good, 5.0, clients=GOOD))
    print(f"{options.clients} slow clients from {options.addresses} addresses; how they ended")
    for kind, ends in told.items():
        print(f"  {kind:<10} " + ", ".join(f"{many} {end}" for end, many in ends.items()))
    print(f"  most descriptors of the gateway at once: {watch.connections}")
    for name, held in (("before", alone), ("at most", watch.most), ("after", place.held())):
        parts = ", ".join(f"{who} {mb:.0f}" for who, mb in held.items())
        print(f"  memory {name:<8} {sum(held.values()):6.0f} MB: {parts}")
    more = sum(watch.most.values()) - sum(alone.values())
    print(f"  at most {1000 * more / options.clients:.1f} kB for a slow client")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--addresses", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    options.clients = room(options.clients)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="wardbox-slow-") as name:
        uds, port = Path(name) / "engine.sock", free_port()
        stub = python("fakes.stub_engine", "--uds", str(uds), "--tokens", str(TOKENS))
        gate = python("benchmarks.gateway_front", "--uds", str(uds), "--port", str(port))
        with running(stub, talk=True) as engine, running(gate, talk=True) as gateway:
            engine.stdout.readline()
            good, other = (gateway.stdout.readline().strip() for _ in range(2))
            wait_for(port)
            place = Place(0, port, good, psutil.Process(gateway.pid))
            began = time.monotonic()
            measure(place, other, options)
            print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
