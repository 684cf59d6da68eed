"""Ray's command lines and environments say what they must, hold no secret, and answers are judged."""

import json
from pathlib import Path

import pytest

from models.cluster import (
    RayNode,
    drain_argv,
    firewall,
    join_host,
    nodes_argv,
    port_range,
    ray_env,
    read_nodes,
    start_argv,
)
from models.errors import ClusterAnswerUnreadable


def node(head: str | None = None) -> RayNode:
    return RayNode(
        Path("/e/bin/python"), "10.20.0.2", head, Path("/s"), Path("/t"), 6400, 8, 2, 1 << 30
    )


def test_the_first_node_and_the_others() -> None:
    first, other = start_argv(node()), start_argv(node("10.20.0.1:6400"))
    assert first[:4] == ("/e/bin/ray", "start", "--head", "--port=6400")
    assert "--include-dashboard=false" in first
    assert other[2] == "--address=10.20.0.1:6400"
    assert "--head" not in other
    assert not any(word.startswith("--include-dashboard") for word in other)
    for argv in (first, other):
        assert {"--block", "--node-ip-address=10.20.0.2", "--disable-usage-stats"} <= set(argv)
        assert not any("token" in word or "key" in word for word in argv)


def test_every_port_is_fixed_and_in_the_range() -> None:
    first, last = port_range(node())
    told = [word.rpartition("=") for word in start_argv(node())]
    ports = [int(value) for name, _, value in told if name.endswith("-port") or name == "--port"]
    assert len(ports) == len(set(ports)) == 9
    assert all(first <= port <= last for port in ports)


def test_the_environment_demands_token_and_tls() -> None:
    env = ray_env(node("10.20.0.1:6400"))
    assert (env["RAY_AUTH_MODE"], env["RAY_USE_TLS"]) == ("token", "1")
    assert env["RAY_AUTH_TOKEN_PATH"] == "/s/token"
    assert env["RAY_USAGE_STATS_ENABLED"] == "0"
    assert (env["RAY_ADDRESS"], env["VLLM_HOST_IP"]) == ("10.20.0.1:6400", "10.20.0.2")
    assert "RAY_AUTH_TOKEN" not in env


def test_questions_go_to_the_store() -> None:
    assert nodes_argv(node())[-2:] == ("10.20.0.2:6400", "10.20.0.2")
    assert "--deadline-remaining-seconds=9" in drain_argv(node(), "ab", 9)
    assert join_host("fd00::1", 6400) == "[fd00::1]:6400"


def test_the_firewall_names_the_ports_and_the_interface() -> None:
    told = firewall(node(), "ib0")
    assert 'iifname != { "lo", "ib0" } tcp dport 6400-6543 drop' in told


@pytest.mark.parametrize("interface", ["", 'ib0" accept; #', "a" * 16, "ib 0", "ib0\n"])
def test_an_interface_that_is_none_makes_no_rules(interface: str) -> None:
    with pytest.raises(ValueError, match="interface"):
        firewall(node(), interface)


def answer(*rows: object) -> str:
    return "noise\nWARDBOX-NODES " + json.dumps(rows) + "\nmore"


def row(address: str, *, alive: bool, death: int = 0) -> dict[str, object]:
    total = {"CPU": 4.0, "GPU": 1.0}
    free = {"CPU": 1.5} if alive else {}
    return {
        "id": f"{address}{alive}",
        "address": address,
        "alive": alive,
        "death": death,
        "total": total,
        "free": free,
    }


def test_nodes_are_read_and_the_living_of_an_address_counts() -> None:
    told = answer(
        row("10.0.0.2", alive=False, death=2),
        row("10.0.0.1", alive=True),
        row("10.0.0.2", alive=True),
        row("10.0.0.2", alive=False, death=2),
        row("10.0.0.3", alive=False, death=3),
        row("10.0.0.4", alive=False, death=1),
    )
    nodes = read_nodes(told)
    assert [(one.address[-1], one.alive, one.left) for one in nodes] == [
        ("1", True, False),
        ("2", True, False),
        ("3", False, True),
        ("4", False, False),
    ]
    assert (nodes[0].cpus, nodes[0].gpus) == ((4.0, 1.5), (1.0, 0.0))


@pytest.mark.parametrize(
    "output",
    [
        "",
        "WARDBOX-NODES {",
        "WARDBOX-NODES 7",
        'WARDBOX-NODES [{"id": 1}]',
        answer({**row("10.0.0.1", alive=True), "address": "evil; rm"}),
        answer({**row("10.0.0.1", alive=True), "total": []}),
        answer({**row("10.0.0.1", alive=True), "free": {"CPU": "x"}}),
        "WARDBOX-NODES " + "[" * 100_000,
    ],
)
def test_what_is_no_list_of_nodes_is_refused(output: str) -> None:
    with pytest.raises(ClusterAnswerUnreadable):
        read_nodes(output)
