"""GPUStack's server as a peer: its own Python path, with PostgreSQL, the engine in place of a worker.

Its packaged gateway (Envoy) exists only in its container image, so `gateway_mode` is `disabled`: the
server authenticates, resolves the route and forwards the request itself. A real worker would forward it
once more to its engine; here the engine is registered as the worker, which spares GPUStack that hop
(a worker wants tools from the internet and a container runtime). PostgreSQL's processor time is not
counted. All this favours the peer.
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.gateway import free_port
from tests.benchmarks.peers.asking import MODEL, answers, ask
from tests.benchmarks.peers.environments import Unavailable, run
from tests.benchmarks.peers.processes import Front, group, wait_until

NAME = "gpustack"
_POSTGRES = "lib/python3.11/site-packages/pgserver/pginstall/bin"
_NOBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
_CALM = {
    # The registered worker sends one heartbeat and answers no health check.
    "GPUSTACK_WORKER_HEARTBEAT_GRACE_PERIOD": "86400",
    "GPUSTACK_WORKER_UNREACHABLE_CHECK_MODE": "disabled",
}


@dataclass(frozen=True, slots=True)
class Admin:
    """GPUStack's own REST API, as its console and its workers use it."""

    port: int
    auth: str

    def call(self, method: str, path: str, body: object = None, auth: str = "") -> dict:
        """One answer.

        Raises:
            Unavailable: The server refused.
        """
        status, told = ask(self.port, method, f"/v2/{path}", auth or self.auth, body)
        if status >= 400:
            raise Unavailable(f"{NAME} refused {method} {path} with {status}: {told}"[:400])
        return told

    def instance(self, model: int) -> dict:
        """The instance that the scheduler made for the model, once it has judged it (or 10 s on)."""
        found: list[dict] = []
        for _ in range(40):
            found = self.call("GET", f"models/{model}/instances")["items"]
            if found and found[0]["state"] != "analyzing" and found[0]["state_message"]:
                break
            time.sleep(0.25)
        if not found:
            raise Unavailable(f"{NAME} made no instance of the model")
        return found[0]

    def serve(self, engine: int) -> str:
        """Declares the engine as a running instance; gives a key that may use it.

        The worker comes last: while there is none, the scheduler leaves the instance alone.
        """
        cluster = self.call("POST", "clusters", {"name": "bench", "provider": "Docker"})["id"]
        model = self.call(
            "POST",
            "models",
            {
                "name": MODEL,
                "source": "local_path",
                "local_path": "/nowhere",
                "cluster_id": cluster,
                "categories": ["llm"],
                "backend": "vLLM",
                "enable_model_route": True,
            },
        )["id"]
        instance = self.instance(model)
        token = self.call("GET", f"clusters/{cluster}/registration-token")["token"]
        place = {"hostname": "bench", "ip": "127.0.0.1", "ifname": "lo", "port": engine}
        who = {"name": "bench", "worker_uuid": "bench", "cluster_id": cluster, "status": {}}
        worker = self.call("POST", "workers", {**who, **place}, f"Bearer {token}")
        self.call("POST", "worker-heartbeat", {}, f"Bearer {worker['token']}")
        at = {"worker_id": worker["id"], "worker_name": "bench", "worker_ip": "127.0.0.1"}
        running = {**instance, **at, "state": "running", "port": engine, "ports": [engine]}
        self.call("PUT", f"model-instances/{instance['id']}", running)
        return self.call("POST", "api-keys", {"name": "bench"})["value"]


@contextmanager
def started(environment: Path, engine: int, folder: Path) -> Iterator[Front]:
    """The server in front of the engine on that port of loopback, with a database of its own."""
    port, password, log = free_port(), secrets.token_hex(16), folder / "gpustack.log"
    with _database(environment / _POSTGRES, folder) as database:
        config = folder / "gpustack.yaml"  # JSON is YAML
        config.touch(0o600)
        config.write_text(json.dumps(_settings(folder, port, password, database)))
        script = Path(__file__).with_name("gpustack_on_loopback.py")
        python = [str(environment / "bin" / "python"), "-P", str(script)]
        argv = [*python, "start", "--config-file", str(config)]
        with group(argv, log, **_CALM) as process:
            wait_until(NAME, process, log, 300, lambda: ask(port, "GET", "/healthz")[0] == 200)
            admin = base64.b64encode(f"admin:{password}".encode()).decode()
            key = Admin(port, f"Basic {admin}").serve(engine)
            wait_until(NAME, process, log, 60, lambda: answers(port, key))
            yield Front(NAME, port, key, (psutil.Process(process.pid),), warm_s=5.0)


def _settings(folder: Path, port: int, password: str, database: str) -> dict[str, object]:
    return {
        "gateway_mode": "disabled",
        "database_url": database,
        "api_port": port,
        "proxy_port": free_port(),
        "data_dir": str(folder / "gpustack"),
        "bootstrap_password": password,
        "disable_worker": True,
        "disable_metrics": True,
        "disable_update_check": True,
        "disable_builtin_observability": True,
    }


@contextmanager
def _database(binaries: Path, folder: Path) -> Iterator[str]:
    """A PostgreSQL on loopback that lives as long as the block: its URL.

    PostgreSQL refuses to run as root, so root runs it in a user namespace where it is not root.
    """
    data, port, password = folder / "postgres", free_port(), secrets.token_hex(16)
    secret = folder / "postgres.password"
    secret.touch(0o600)
    secret.write_text(password)
    prefix = list(_NOBODY) if os.geteuid() == 0 else []
    words = ["-D", str(data), "-U", "bench", "--auth=scram-sha-256", f"--pwfile={secret}"]
    run("making GPUStack's PostgreSQL", [*prefix, str(binaries / "initdb"), *words])
    where = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-p", str(port)]
    argv = [*prefix, str(binaries / "postgres"), "-D", str(data), *where]
    log = folder / "postgres.log"
    with group(argv, log) as process:
        told = "ready to accept connections"
        wait_until("PostgreSQL", process, log, 60, lambda: told in log.read_text())
        yield f"postgresql://bench:{password}@127.0.0.1:{port}/postgres"
