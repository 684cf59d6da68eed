"""The gateway against nginx: the same stub engine and the same load behind both, in one run.

    python -m tests.benchmarks.gateway [--seconds 4] [--rounds 3] [--engine unix|loopback] [--peers]

Both fronts run one worker. The gateway checks the key, its scope and its quota, judges the body,
meters, and makes a durable record before each answer; nginx only forwards. Rounds alternate, so that
other work on the machine hits both alike. Printed: requests a second at 64 clients, their ratio, and
what each adds to the first token at 64 streams of 20 ms a token. The engine listens on a Unix socket, as
the box's own llama.cpp does, or on loopback; both fronts reach it the same way.
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
from pathlib import Path

from appliance.compiled import mark, place

NGINX = "/usr/sbin/nginx"
GOAL_RATIO = 0.12
GOAL_RATE = 3000
GOAL_TTFT_MS = 8.0
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


@contextmanager
def fronts(folder: Path, token_ms: float, way: str) -> Iterator[dict[str, tuple[int, str]]]:
    """nginx and the gateway in front of one stub engine: name to (port, key)."""
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
    gate = python("benchmarks.gateway_front", *reach, "--port", str(ours))
    with running(stub, talk=True) as engine:
        engine.stdout.readline()
        with running([NGINX, "-c", str(conf)]), running(gate, talk=True) as gateway:
            key = gateway.stdout.readline().strip()
            wait_for(theirs)
            wait_for(ours)
            yield {"direct": (direct, key), "nginx": (theirs, key), "gateway": (ours, key)}


def show(name: str, told: dict) -> None:
    print(
        f"  {name:<8} {told['per_second']:>9.0f}/s   p50 {told['p50_ms']:>6.1f} ms"
        f"   p99 {told['p99_ms']:>6.1f} ms   failed {told['failed']}",
        flush=True,
    )


def throughput(folder: Path, way: str, seconds: float, rounds: int) -> tuple[float, float]:
    print("whole answers, 64 clients, engine answers at once")
    ratios, rates = [], []
    with fronts(folder, 0.0, way) as where:
        for _ in range(rounds):
            told = {name: load(*where[name], seconds) for name in ("nginx", "gateway")}
            for name, one in told.items():
                show(name, one)
            ratios.append(told["gateway"]["per_second"] / told["nginx"]["per_second"])
            rates.append(told["gateway"]["per_second"])
    return statistics.median(ratios), statistics.median(rates)


def first_token(folder: Path, way: str, seconds: float, rounds: int) -> dict[str, float]:
    print("streams, 64 at once, 20 ms a token: time to the first token")
    added: dict[str, list[float]] = {"nginx": [], "gateway": []}
    with fronts(folder, 20.0, way) as where:
        for _ in range(rounds):
            told = {name: load(*where[name], seconds, stream=True) for name in where}
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
    parser.add_argument("--peers", action="store_true", help="LiteLLM and GPUStack as well")
    options = parser.parse_args()
    if shutil.which(NGINX) is None:
        raise SystemExit(f"{NGINX} is missing: apt-get install nginx-light")
    load1, _, _ = os.getloadavg()
    print(f"{os.cpu_count()} cores, load average {load1:.1f}")
    with tempfile.TemporaryDirectory(prefix="wardbox-gateway-") as name:
        asked = (Path(name), options.engine, options.seconds, options.rounds)
        ratio, rate = throughput(*asked)
        added = first_token(*asked)
    built = mark(place(Path(sys.prefix).resolve())).exists()
    print(f"engine on {options.engine}, hot path {'compiled' if built else 'interpreted'}")
    print(f"gateway / nginx            {ratio:.3f}   (goal >= {GOAL_RATIO})")
    print(f"gateway requests/s         {rate:.0f}   (goal >= {GOAL_RATE} on 4 quiet cores)")
    print(f"first token, nginx adds    {added['nginx']:.1f} ms")
    print(f"first token, gateway adds  {added['gateway']:.1f} ms   (goal <= {GOAL_TTFT_MS})")
    if options.peers:
        from tests.benchmarks.peers.table import compare

        compare(options.seconds)


if __name__ == "__main__":
    main()
