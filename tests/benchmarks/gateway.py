"""The gateway against nginx: the same stub engine and the same load behind both, in one run.

    python -m tests.benchmarks.gateway [--seconds 4] [--rounds 3] [--engine unix|loopback] [--bodies]
        [--peers]

Both fronts run one worker. The gateway checks the key, its scope and its quota, judges the body,
meters, and makes a durable record before each answer; nginx only forwards. Rounds alternate, so that
other work on the machine hits both alike. Printed: requests a second at 64 clients, their ratio, the
processor time of a request in the gateway's two processes, what the gateway adds for one client and
how much of that is its disk, and what each adds to the first token at 64 streams of 20 ms a token. A
round in which the host took cores away is told by that: compare processor times then, not rates.
The engine listens on a Unix socket, as the box's own llama.cpp does, or on loopback; both fronts reach
it the same way. `--bodies` has the gateway keep what is asked and answered as well, sealed one by one,
as a box does unless its settings say otherwise.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.compiled import mark, place
from tests.benchmarks.gateway_cost import Meter, fdatasync_ms

NGINX = "/usr/sbin/nginx"
GOAL_RATIO = 0.2
GOAL_RATE = 5000
GOAL_TTFT_MS = 5.0
GOAL_ONE_MS = 0.7
_CONF = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    upstream engine {{ server {engine}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(argv: list[str], *, talk: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE if talk else None, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"tests.{module}", *words]


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody listens on {port}")


def load(port: int, key: str, seconds: float, *, clients: int = 64, stream: bool = False) -> dict:
    words = ["--port", str(port), "--seconds", str(seconds), "--clients", str(clients)]
    argv = python("benchmarks.gateway_load", *words, *(["--stream"] if stream else []))
    told = subprocess.run(argv, input=f"{key}\n", capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


@dataclass(frozen=True, slots=True)
class Fronts:
    """What stands before one stub engine, by name with port and key, and the gateway's process."""

    where: dict[str, tuple[int, str]]
    gateway: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured: where, the way to the engine, seconds and rounds, whether bodies are kept."""

    folder: Path
    way: str
    seconds: float
    rounds: int
    bodies: bool


@contextmanager
def fronts(asked: Asked, token_ms: float) -> Iterator[Fronts]:
    """nginx and the gateway in front of one stub engine, which can be asked directly, too."""
    folder, way = asked.folder, asked.way
    uds = folder / f"engine-{token_ms}.sock"
    theirs, ours, direct = free_port(), free_port(), free_port()
    conf = folder / f"nginx-{token_ms}.conf"
    conf.write_text(
        _CONF.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            engine=f"unix:{uds}" if way == "unix" else f"127.0.0.1:{direct}",
            port=theirs,
        )
    )
    where = ["--uds", str(uds), "--port", str(direct), "--token-ms", str(token_ms)]
    stub = python("fakes.stub_engine", *where, "--tokens", "16")
    reach = ["--uds", str(uds)] if way == "unix" else ["--engine-port", str(direct)]
    kept = ["--bodies"] if asked.bodies else []
    gate = python("benchmarks.gateway_front", *reach, "--port", str(ours), *kept)
    with running(stub, talk=True) as engine:
        engine.stdout.readline()
        with running([NGINX, "-c", str(conf)]), running(gate, talk=True) as gateway:
            key = gateway.stdout.readline().strip()
            wait_for(theirs)
            wait_for(ours)
            where = {"direct": (direct, key), "nginx": (theirs, key), "gateway": (ours, key)}
            yield Fronts(where, gateway.pid)


def show(name: str, told: dict) -> None:
    print(
        f"  {name:<8} {told['per_second']:>9.0f}/s   p50 {told['p50_ms']:>6.1f} ms"
        f"   p99 {told['p99_ms']:>6.1f} ms   failed {told['failed']}",
        flush=True,
    )


def throughput(asked: Asked) -> tuple[float, float, float]:
    """Medians: the gateway's rate as a share of nginx's, the rate, its processor time in us."""
    print("whole answers, 64 clients, engine answers at once")
    ratios, rates, costs = [], [], []
    with fronts(asked, 0.0) as both:
        meter = Meter(both.gateway)
        for _ in range(asked.rounds):
            theirs = load(*both.where["nginx"], asked.seconds)
            show("nginx", theirs)
            meter.begin()
            ours = load(*both.where["gateway"], asked.seconds)
            cost = meter.end(ours["answers"])
            show("gateway", ours)
            print(f"           {cost}", flush=True)
            ratios.append(ours["per_second"] / theirs["per_second"])
            rates.append(ours["per_second"])
            costs.append(cost.gateway_us)
        one_client(asked, both)
    return statistics.median(ratios), statistics.median(rates), statistics.median(costs)


def one_client(asked: Asked, both: Fronts) -> None:
    """What the gateway adds for one client, and how much of that one fdatasync takes beside it."""
    print("whole answers, one client")
    added, synced, costs = [], [], []
    meter = Meter(both.gateway)
    for _ in range(asked.rounds):
        direct = load(*both.where["direct"], asked.seconds, clients=1)
        meter.begin()
        ours = load(*both.where["gateway"], asked.seconds, clients=1)
        costs.append(meter.end(ours["answers"]))
        added.append(ours["p50_ms"] - direct["p50_ms"])
        synced.append(fdatasync_ms(asked.folder))
    disk = statistics.median(synced)
    rest = statistics.median([whole - one for whole, one in zip(added, synced, strict=True)])
    print(
        f"  gateway adds {statistics.median(added):.2f} ms p50: {disk:.2f} ms one fdatasync,"
        f" {rest:.2f} ms the rest   (goal <= {GOAL_ONE_MS})"
    )
    for cost in costs:
        print(f"           {cost}", flush=True)


def first_token(asked: Asked) -> dict[str, float]:
    """What each front adds to the first token of a stream, median of rounds in ms."""
    print("streams, 64 at once, 20 ms a token: time to the first token")
    added: dict[str, list[float]] = {"nginx": [], "gateway": []}
    with fronts(asked, 20.0) as both:
        for _ in range(asked.rounds):
            told = {
                name: load(*both.where[name], asked.seconds, stream=True) for name in both.where
            }
            for name, one in told.items():
                show(name, one)
            for name, times in added.items():
                times.append(told[name]["p50_ms"] - told["direct"]["p50_ms"])
    return {name: statistics.median(times) for name, times in added.items()}


def main() -> None:
    """Measures both and prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=("unix", "loopback"), default="unix")
    parser.add_argument("--bodies", action="store_true", help="keep what is asked and answered")
    parser.add_argument("--peers", action="store_true", help="LiteLLM and GPUStack as well")
    options = parser.parse_args()
    if shutil.which(NGINX) is None:
        raise SystemExit(f"{NGINX} is missing: apt-get install nginx-light")
    load1, _, _ = os.getloadavg()
    print(f"{os.cpu_count()} cores, load average {load1:.1f}")
    with tempfile.TemporaryDirectory(prefix="wardbox-gateway-") as name:
        asked = Asked(
            Path(name), options.engine, options.seconds, options.rounds, bodies=options.bodies
        )
        ratio, rate, cost = throughput(asked)
        added = first_token(asked)
    built = mark(place(Path(sys.prefix).resolve())).exists()
    print(
        f"engine on {options.engine}, hot path {'compiled' if built else 'interpreted'},"
        f" bodies {'kept' if options.bodies else 'not kept'}"
    )
    print(f"gateway / nginx            {ratio:.3f}   (goal >= {GOAL_RATIO})")
    print(f"gateway requests/s         {rate:.0f}   (goal >= {GOAL_RATE} on 4 quiet cores)")
    print(f"gateway us/request         {cost:.0f}   of processor time, without the writer's")
    print(f"first token, nginx adds    {added['nginx']:.1f} ms")
    print(f"first token, gateway adds  {added['gateway']:.1f} ms   (goal <= {GOAL_TTFT_MS})")
    if options.peers:
        from tests.benchmarks.peers.table import compare

        compare(options.seconds)


if __name__ == "__main__":
    main()
