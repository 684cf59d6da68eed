"""Two boxes on loopback in one real Ray cluster: token and TLS on, work on both, strangers refused."""

import asyncio
import os
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.cluster.migrations import MIGRATIONS
from appliance.cluster.node import Lent, RayKeeper
from appliance.cluster.service import ClusterService
from appliance.cluster.store import ClusterStore
from appliance.db.database import Db
from installer.host import Machine
from installer.places import Site
from installer.steps.ray_environment import RayEnvironment
from models.engines.process import Listening, ProcessKeeper
from tests.appliance.access.doubles import RememberingAudit, open_db

# One group for all real Ray clusters: each looks for free ports, and they lie on the same addresses.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

HEAD, MEMBER = "127.0.0.2", "127.0.0.3"
WORK = """
import ray, sys, time
ray.init(address=sys.argv[1], _node_ip_address=sys.argv[2], log_to_driver=False)
@ray.remote(num_cpus=1)
def where():
    time.sleep(3)
    return ray.util.get_node_ip_address()
print("ON", *sorted(ray.get([where.remote(), where.remote()], timeout=120)))
"""


def environment() -> Path:
    checkout = Path(__file__).parents[3]
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "wardbox"
    with tempfile.TemporaryDirectory(prefix="wbc-") as state:
        step = RayEnvironment(Site(checkout, home, Path(state)))
        if not (step.place / "complete").exists():
            pytest.skip(f"no Ray at {step.place}: wardbox prepare-cluster makes it")
        # The checkout that used it last may be another one, or gone.
        if step.needed():
            step.apply(Machine(Path(state) / "log", lambda _: None))
    return step.place / "bin" / "python"


def free_base() -> int:
    """A base of 144 ports of which the first are free; 127.0.0.0/8 is one machine."""
    for base in range(20_000, 30_000, 200):
        try:
            for port in (*range(base, base + 8), base + 16):
                with socket.create_server(("", port)):
                    pass
        except OSError:
            continue
        return base
    raise AssertionError


@dataclass
class Box:
    service: ClusterService
    ray: RayKeeper
    audit: RememberingAudit
    db: Db
    secrets: Path


def make_box(folder: Path, name: str, ask) -> Box:
    db = open_db(folder / f"{name}.db", MIGRATIONS)
    audit = RememberingAudit()
    ray = RayKeeper(
        ProcessKeeper(), environment(), folder / name / "secrets", Lent(1, 0, 80_000_000)
    )
    return Box(
        ClusterService(ClusterStore(db), audit, ray, name, time.time, ask),
        ray,
        audit,
        db,
        folder / name / "secrets",
    )


async def run(box: Box, env: dict[str, str], *argv: str) -> tuple[int, str]:
    lines: list[str] = []
    asked = await ProcessKeeper().start(
        argv, env, listening=Listening(hear=lines.append, guarded=True)
    )
    try:
        done = await asyncio.wait_for(asked.wait(), 360)
    finally:
        await asked.stop(0)
    return done.code, "\n".join(lines)


@pytest.fixture
async def boxes() -> AsyncIterator[tuple[Box, Box]]:
    async with AsyncExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="wbc-")))
        one = make_box(folder, "one", None)

        async def carry(_address: str, _port: int, sealed: bytes) -> bytes:
            return await one.service.admit(sealed)

        two = make_box(folder, "two", carry)
        for box in (one, two):
            undo.callback(box.db.close)
            undo.push_async_callback(box.service.close)
        yield one, two


async def until_alive(box: Box, count: int) -> None:
    async with asyncio.timeout(240):
        while True:
            state = await box.service.state()
            if sum(one.state == "alive" for one in state.boxes) == count:
                return
            await asyncio.sleep(1)


async def test_two_boxes_join_work_refuse_strangers_and_part(boxes: tuple[Box, Box]) -> None:
    one, two = boxes
    base = free_base()
    await one.service.found(HEAD, "user:li", base)
    token = await one.service.invite(10, "user:li")
    await until_alive(one, 1)
    await two.service.join(token, (HEAD, 8443), MEMBER, "user:li", base + 144)
    await until_alive(one, 2)

    env, python = one.service.env(), str(environment())
    code, told = await run(one, env, python, "-c", WORK, f"{HEAD}:{base}", HEAD)
    assert (code, f"ON {HEAD} {MEMBER}" in told) == (0, True), told

    await strangers_are_refused(one, env, base)

    assert await two.service.leave("user:li", 60)
    async with asyncio.timeout(120):
        while "cluster:member:leave" not in one.audit.tags():
            await one.service.state()
            await asyncio.sleep(1)
    state = await one.service.state()
    assert [box.address for box in state.boxes if box.state == "alive"] == [HEAD]
    assert not two.secrets.exists()
    assert (await two.service.state()).role == "none"


async def strangers_are_refused(one: Box, env: dict[str, str], base: int) -> None:
    health = (str(environment().parent / "ray"), "health-check", f"--address={HEAD}:{base}")
    assert (await run(one, env, *health))[0] == 0
    wrong = one.secrets.parent / "wrong-token"
    wrong.write_text("0" * 64)
    script = (str(environment()), "-c", WORK, f"{HEAD}:{base}", HEAD)
    code, told = await run(one, {**env, "RAY_AUTH_TOKEN_PATH": str(wrong)}, *script)
    assert code != 0
    assert "ON 127" not in told
    # Without TLS, and with TLS but no certificate of the cluster, there is no conversation at all.
    reader, writer = await asyncio.open_connection(HEAD, base)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
    heard = b""
    try:
        async with asyncio.timeout(30):
            heard = await reader.read(64)
    except ConnectionError:
        pass
    writer.close()
    assert b"\x00\x00\x00\x04" not in heard
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(one.secrets / "ca.pem")
    stranger.set_alpn_protocols(["h2"])
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(first_byte(base, stranger), 30)


async def first_byte(port: int, context: ssl.SSLContext) -> bytes:
    reader, _ = await asyncio.open_connection(HEAD, port, ssl=context)
    return await reader.readexactly(1)


async def test_a_vanished_box_is_told(boxes: tuple[Box, Box]) -> None:
    one, two = boxes
    base = free_base()
    await one.service.found(HEAD, "user:li", base)
    await until_alive(one, 1)
    token = await one.service.invite(10, "user:li")
    await two.service.join(token, (HEAD, 8443), MEMBER, "user:li", base + 144)
    await until_alive(one, 2)
    await two.service.close()  # a box that stops without leaving
    async with asyncio.timeout(180):
        while "cluster:member:lose" not in one.audit.tags():
            await one.service.state()
            await asyncio.sleep(1)
    lost = next(box for box in (await one.service.state()).boxes if box.address == MEMBER)
    assert (lost.state, lost.name) == ("lost", "two")
