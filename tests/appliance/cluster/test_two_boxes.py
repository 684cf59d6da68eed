"""Two whole boxes with state directories, engines and records of their own: one is killed under load."""

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest

from appliance.client.session import Session
from appliance.contract.cluster import ClusterFound, ClusterInvitation, ClusterJoin, ClusterShare
from models.cluster import door_port
from tests.appliance.cluster.test_two_nodes import environment, free_base

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
ROOT = Path(__file__).resolve().parents[3]
MODEL = "wardbox-reference"
CLIENTS, LOAD_S, KILL_S = 8, 16, 6


@dataclass
class Box:
    """One installed box."""

    address: str
    port: int
    state: Path

    def run(self, *words: str, ends: int = 0) -> str:
        done = subprocess.run(
            [ROOT / "wardbox", *words],
            env={**os.environ, "WARDBOX_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == ends, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1/chat/completions"

    @property
    def models(self) -> str:
        return f"https://localhost:{self.port}/v1/models"

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.state / "trust/ca.pem"))

    def session(self) -> Session:
        return Session.local(self.state / "run/wardbox.sock")

    def kill(self) -> None:
        """Pull the plug: every process of the box at once."""
        top = psutil.Process(int((self.state / "run/supervise.pid").read_text()))
        for process in (top, *top.children(recursive=True)):
            if process.name() != "gocryptfs":
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)


@contextmanager
def installed(folder: Path, address: str):
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind((address, 0))
        port = probe.getsockname()[1]
    answers, state = folder / "answers.toml", folder / "state"
    answers.write_text(
        f'port = {port}\naddress = "{address}"\nservice = "background"\n'
        'secrets_file = "secrets.txt"\nhospital = "测试医院"\n',
        encoding="utf-8",
    )
    said = subprocess.run(
        [ROOT / "install.sh", "--state", state, "--answers", answers],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    try:
        assert said.returncode == 0, said.stdout[-3000:] + said.stderr[-3000:]
        yield Box(address, port, state)
    finally:
        subprocess.run(
            [ROOT / "install.sh", "--state", state, "--uninstall", "--yes"],
            stdout=subprocess.DEVNULL,
            check=False,
        )


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    environment()
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or shutil.which("gocryptfs") is None:
        pytest.skip("a whole box needs /dev/fuse and gocryptfs")
    scratch = tmp_path_factory.mktemp("boxes")
    with ExitStack() as undo:
        made = [
            undo.enter_context(installed(scratch / name, address))
            for name, address in (("one", "127.0.0.2"), ("two", "127.0.0.3"))
        ]
        for box in made:
            box.run("prepare-cluster")
        yield made


async def entries(box: Box, tag: str) -> list:
    async with box.session() as session:
        return list((await session.audit_entries(tag=tag, limit="500")).entries)


async def patiently(question, seconds: float = 120):
    async with asyncio.timeout(seconds):
        while not (answer := await question()):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.3)
        return answer


async def replicas(box: Box) -> list[str]:
    async with box.session() as session:
        view = await session.cluster.state()
        return [one.address for one in view.replicas if not one.resting]


async def join(one: Box, two: Box) -> None:
    if await replicas(one):
        return
    base = free_base()
    async with one.session() as first, two.session() as second:
        await first.cluster.found(ClusterFound(address=one.address, base_port=base))
        token = (await first.cluster.invite(ClusterInvitation())).token
        await second.cluster.join(
            ClusterJoin(
                token=token,
                head=one.address,
                head_port=one.port,
                address=two.address,
                base_port=base + 200,
            )
        )
        for session in (first, second):
            await session.cluster.share(ClusterShare(name=MODEL))
    for box in (one, two):
        await patiently(lambda box=box: replicas(box))


async def ask(http: aiohttp.ClientSession, box: Box, key: str, model: str = MODEL) -> str:
    """One request; every outcome has a name, and only a missing answer raises."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "患者女,65岁,右眼视物模糊"}],
        "max_tokens": 24,
        "temperature": 0,
    }
    head = {"Authorization": f"Bearer {key}"}
    async with http.post(box.url, json=body, headers=head, ssl=box.tls()) as answer:
        told = json.loads(await answer.read())
        if answer.status == 200:
            assert told["choices"][0]["message"]["content"]
            return "answered"
        return str(told["error"]["code"])


def caller(box: Box) -> aiohttp.ClientSession:
    """Who finds the box's certificate under its name, and the box at its address."""
    resolver = {"localhost": box.address}

    class Here(aiohttp.ThreadedResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return await super().resolve(resolver.get(host, host), port, family)

    patience = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(resolver=Here(), limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=patience)


async def load(box: Box, key: str, seconds: float) -> Counter:
    outcomes: Counter = Counter()
    until = time.monotonic() + seconds
    async with caller(box) as http:

        async def client() -> None:
            while time.monotonic() < until:
                outcomes[await ask(http, box, key)] += 1

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return outcomes


async def test_one_command_trains_on_both_boxes(boxes) -> None:
    one, two = boxes
    wish = ("jobs", "train", "together", "--steps", "3", "--records", "64", "--boxes")
    assert "cluster.not-member" in one.run(*wish, "2", ends=1)
    await join(one, two)
    assert "cluster.boxes-too-few" in one.run(*wish, "3", ends=1)
    said = await asyncio.to_thread(one.run, *wish, "2")
    assert "done" in said
    assert "together" in one.run("model", "list")
    # Both boxes have the reference model with the same weights, and what was trained only one has.
    assert f"also on {two.address}" in one.run("model", "list")
    assert "together" not in two.run("model", "list")
    async with one.session() as session:
        (job,) = [one for one in await session.jobs() if one.kind == "training"]
        assert (job.state, job.spec["boxes"]) == ("done", 2)
    await what_only_one_has(one, two)


async def what_only_one_has(one: Box, two: Box) -> None:
    """The other box lists it and passes requests on, under a key of its own, until it is withheld."""
    for words in (("model", "load", "together"), ("cluster", "share", "together")):
        one.run(*words)
    key = two.run("key", "create", "his", "--scope", "chat", "--model", "together").split()[0]
    async with caller(two) as http:
        names = {"together": "wardbox-cluster"}
        await patiently(lambda: sees(http, two, key, names))
        assert "together  仅在 only on" in two.run("model", "list")
        assert await ask(http, two, key, "together") == "answered"
        assert await ask(http, two, key, MODEL) == "access.model-forbidden"
        one.run("cluster", "share", "together", "--off")
        await patiently(lambda: sees(http, two, key, {}))
        assert await ask(http, two, key, "together") == "model.unknown"
    (answer,) = [
        entry
        for entry in await entries(two, "model:completion:answer")
        if entry.details["model"] == "together"
    ]
    (served,) = await entries(one, "cluster:peer:serve")
    assert served.request_id == answer.request_id
    assert served.details["digest"] == answer.details["model_digest"]


async def sees(http: aiohttp.ClientSession, box: Box, key: str, names: dict[str, str]) -> bool:
    head = {"Authorization": f"Bearer {key}"}
    async with http.get(box.models, headers=head, ssl=box.tls()) as answer:
        return {row["id"]: row["owned_by"] for row in (await answer.json())["data"]} == names


async def test_requests_are_spread_and_none_is_lost_when_a_box_is_killed(boxes) -> None:
    one, two = boxes
    await join(one, two)
    key = one.run("key", "create", "emr", "--scope", "chat").split()[0]
    before = await load(one, key, LOAD_S / 2)
    assert set(before) == {"answered"}
    asked, served = await entries(one, "cluster:peer:ask"), await entries(two, "cluster:peer:serve")
    assert asked
    assert {entry.request_id for entry in asked} >= {entry.request_id for entry in served} != set()
    assert {entry.subject for entry in asked} == {two.address}
    assert {entry.subject for entry in served} == {one.address}
    # The answers of all of them are metered and on record where they were asked, and nowhere else.
    elsewhere = {entry.details["model"] for entry in await entries(two, "model:completion:answer")}
    assert MODEL not in elsewhere
    loading = asyncio.create_task(load(one, key, LOAD_S))
    await asyncio.sleep(KILL_S)
    two.kill()
    outcomes = await loading
    print(f"before {dict(before)}, peer asked {len(asked)}; with a kill {dict(outcomes)}")
    assert outcomes["answered"] > 0
    assert set(outcomes) == {"answered"}
    # The box that was left alone gives the other one up, and goes on by itself.
    await patiently(lambda: gone(one))
    assert set(await load(one, key, 1)) == {"answered"}
    async with one.session() as session:
        assert (await session.audit_verify()).ok


async def gone(box: Box) -> bool:
    return not await replicas(box)


async def test_the_peer_door_stands_on_the_interconnect_alone(boxes) -> None:
    one, _ = boxes
    async with one.session() as session:
        view = await session.cluster.state()
    base = int(view.head.rpartition(":")[2])
    assert view.door
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", door_port(base))
