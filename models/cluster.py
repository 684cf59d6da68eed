"""Ray over several boxes: command lines, environments and answers as pure functions; nothing imported.

Verified with Ray 2.60.0 (https://docs.ray.io/en/latest/ray-security/token-auth.html and
https://docs.ray.io/en/latest/ray-core/configure.html, "TLS Authentication"). Every gRPC channel asks
both sides for a certificate of the cluster's authority, and every call for the token.
"""

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.engines.engine import QUIET
from models.errors import ClusterAnswerUnreadable

WORKER_PORTS: Final = 128
"""How many ports workers may take, from the sixteenth above the base."""
_INTERFACE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,15}", re.ASCII)
_WORKERS_AT: Final = 16
_DOOR_AT: Final = 7
# NodeDeathInfo.Reason of gcs.proto: drained by preemption, drained when idle. A node that was told to
# end (1) is a box that stops or starts anew, and comes back.
_LEFT: Final = frozenset({3, 4})
_TOLD: Final = "WARDBOX-NODES "

# Runs in Ray's own Python; its one line is read by `read_nodes`.
_ASK: Final = """
import json, sys, ray
from ray._private.state import available_resources_per_node as free
ray.init(address=sys.argv[1], _node_ip_address=sys.argv[2], log_to_driver=False, logging_level="ERROR")
left = free()
print("WARDBOX-NODES " + json.dumps([
    {"id": n["NodeID"], "address": n["NodeManagerAddress"], "alive": n["Alive"],
     "death": n.get("DeathReason"), "total": n["Resources"], "free": left.get(n["NodeID"], {})} for n in ray.nodes()]))
"""


@dataclass(frozen=True, slots=True)
class RayNode:
    """One box as a node.

    Attributes:
        python: The interpreter of the environment that holds Ray.
        address: The box's address on the interconnect.
        head: "address:port" of the first node's store; None for the first node itself.
        secrets: Directory with `token`, `cert.pem`, `key.pem` and `ca.pem`, mode 0700.
        temp: Ray's own directory; short, since it holds Unix sockets (107 bytes).
        base_port: First of the ports that the node uses; all of them are fixed.
        cpus: Cores that are lent.
        gpus: Accelerators that are lent.
        object_store_bytes: Shared memory for objects.
    """

    python: Path
    address: str
    head: str | None
    secrets: Path
    temp: Path
    base_port: int
    cpus: int
    gpus: int
    object_store_bytes: int

    @property
    def store(self) -> str:
        """Where the cluster's store listens."""
        return self.head or join_host(self.address, self.base_port)

    @property
    def ray(self) -> str:
        """The program `ray` of the environment."""
        return str(self.python.parent / "ray")


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node as Ray sees it.

    Attributes:
        id: Ray's id of the node.
        address: Its address on the interconnect.
        alive: Whether it answers its heartbeat.
        left: Whether it ended in good order, as far as Ray can tell.
        cpus: Cores (all, free).
        gpus: Accelerators (all, free).
    """

    id: str
    address: str
    alive: bool
    left: bool
    cpus: tuple[float, float]
    gpus: tuple[float, float]


def start_argv(node: RayNode) -> tuple[str, ...]:
    """The command line that is the node, in the foreground; no secret is in it."""
    base = node.base_port
    if node.head is None:
        place: tuple[str, ...] = ("--head", f"--port={base}", "--include-dashboard=false")
    else:
        place = (f"--address={node.head}",)
    ports = (
        "node-manager-port",
        "object-manager-port",
        "runtime-env-agent-port",
        "dashboard-agent-grpc-port",
        "dashboard-agent-listen-port",
        "metrics-export-port",
    )
    workers = base + _WORKERS_AT
    return (
        node.ray,
        "start",
        *place,
        "--block",
        f"--node-ip-address={node.address}",
        *(f"--{name}={base + 1 + at}" for at, name in enumerate(ports)),
        f"--min-worker-port={workers}",
        f"--max-worker-port={workers + WORKER_PORTS - 1}",
        "--include-log-monitor=false",
        "--disable-usage-stats",
        "--log-style=record",
        f"--num-cpus={node.cpus}",
        f"--num-gpus={node.gpus}",
        f"--object-store-memory={node.object_store_bytes}",
        f"--temp-dir={node.temp}",
    )


def ray_env(node: RayNode) -> dict[str, str]:
    """The whole environment of the node, and what vLLM or Ray Train need in theirs to use it."""
    secrets = node.secrets
    return {
        **QUIET,
        "PATH": f"{node.python.parent}:/usr/bin:/bin",
        "HOME": str(node.temp),
        "RAY_ADDRESS": node.store,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(secrets / "token"),
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(secrets / "cert.pem"),
        "RAY_TLS_SERVER_KEY": str(secrets / "key.pem"),
        "RAY_TLS_CA_CERT": str(secrets / "ca.pem"),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "VLLM_HOST_IP": node.address,
    }


def nodes_argv(node: RayNode) -> tuple[str, ...]:
    """Ask this box's node for all nodes; `read_nodes` reads what is printed."""
    return (str(node.python), "-c", _ASK, node.store, node.address)


def drain_argv(node: RayNode, node_id: str, seconds: int) -> tuple[str, ...]:
    """Tell the cluster that a node takes no new work and ends in `seconds`."""
    return (
        node.ray,
        "drain-node",
        f"--address={node.store}",
        f"--node-id={node_id}",
        "--reason=DRAIN_NODE_REASON_PREEMPTION",
        "--reason-message=the box leaves the cluster",
        f"--deadline-remaining-seconds={seconds}",
    )


def read_nodes(output: str) -> tuple[NodeState, ...]:
    """The nodes from the output of `nodes_argv`, by address; the newest of an address counts.

    Raises:
        ClusterAnswerUnreadable: There is no such line, or it says something else.
    """
    line = next((line for line in output.splitlines() if line.startswith(_TOLD)), None)
    if line is None:
        raise ClusterAnswerUnreadable
    found: dict[str, NodeState] = {}
    try:
        for told in json.loads(line[len(_TOLD) :]):
            state = _state(told)
            if state.alive or state.address not in found:
                found[state.address] = state
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ClusterAnswerUnreadable from error
    return tuple(found[address] for address in sorted(found))


def _state(told: dict[str, object]) -> NodeState:
    total, free = told["total"], told["free"]
    if not (isinstance(total, dict) and isinstance(free, dict)):
        raise TypeError

    def pair(name: str) -> tuple[float, float]:
        return float(total.get(name, 0)), float(free.get(name, 0))

    address = str(ipaddress.ip_address(str(told["address"])))
    alive, left = told["alive"] is True, told.get("death") in _LEFT
    return NodeState(str(told["id"]), address, alive, left, pair("CPU"), pair("GPU"))


def port_range(node: RayNode) -> tuple[int, int]:
    """First and last port that the node listens on."""
    return node.base_port, node.base_port + _WORKERS_AT + WORKER_PORTS - 1


def door_port(base_port: int) -> int:
    """Where a box's peer door listens: the first port of its node's range that Ray leaves free."""
    return base_port + _DOOR_AT


def head_door(head: str) -> tuple[str, int]:
    """Address and port of the first box's peer door, from "address:port" of its store."""
    address, _, port = head.rpartition(":")
    return address.strip("[]"), door_port(int(port))


def firewall(node: RayNode, interface: str) -> str:
    """An nftables table that lets nobody but the interconnect reach the node's ports.

    Ray listens on every address of the machine; who has no certificate of the cluster is refused
    there, and with this table is not even heard. To be loaded by root: `nft -f FILE`.

    Raises:
        ValueError: That is no name of an interface.
    """
    if _INTERFACE.fullmatch(interface) is None:
        raise ValueError("no name of an interface")
    first, last = port_range(node)
    return (
        "table inet wardbox_cluster {\n"
        "  chain input {\n"
        "    type filter hook input priority -5; policy accept;\n"
        f'    iifname != {{ "lo", "{interface}" }} tcp dport {first}-{last} drop\n'
        "  }\n"
        "}\n"
    )


def join_host(address: str, port: int) -> str:
    """Address and port in one text; an IPv6 address stands in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
