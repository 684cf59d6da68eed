"""The gateway end to end: the reference model through the box against its bare engine, in one run.

    python -m tests.benchmarks.end_to_end [--clients 8] [--requests 64] [--rounds 11] [--layers 0]

A box is installed for the run; with `--layers N` it serves a model of random weights, 25 MB a layer, instead of
the reference model, which is so small that its tokens cost less than they do anywhere else. The same llama-server process is asked directly, over the Unix socket and
with the key that the gateway uses, and through the gateway, over TLS with a key of its own and over the
box's Unix socket. Each front gets the same requests, whole and streamed; rounds alternate and begin with
another front each time. Printed: tokens and requests a second, medians, and the ratio to the bare engine
of the same round. Ends with 1 when the median ratio of tokens over TLS is below the goal.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from appliance.client.session import Session
from appliance.contract.access import KeyWish
from tests.benchmarks.soak_box import SoakBox, installed
from tests.benchmarks.soak_load import CHAT, MODEL
from tests.benchmarks.storage_model import write_random_model

GOAL = 0.97
TOKENS = 64
BARE, TLS, LOCAL = "bare engine", "gateway, TLS", "gateway, socket"
_OK = 200
_REST_S = 2.0
_RANDOM = "random-weights"
_LOADS = 60
_PROMPT = "患者右眼视物模糊半年,请拟主诉与现病史。" * 8


@dataclass(frozen=True, slots=True)
class Told:
    """What one front did in one round: tokens written and requests, a second."""

    tokens: float
    requests: float


def question(front: str, number: int, model: str, *, stream: bool) -> bytes:
    """One request; every front gets the same ones, and the engine the same members."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": f"{number}。{_PROMPT}"}],
        "max_tokens": TOKENS,
        "temperature": 0,
        "seed": 1,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if front == BARE:
        # What the gateway adds: no prefix is kept from one caller to the next.
        body |= {"cache_prompt": False}
    return json.dumps(body).encode()


@asynccontextmanager
async def fronts(
    box: SoakBox, *, stream: bool
) -> AsyncIterator[dict[str, tuple[aiohttp.ClientSession, str]]]:
    """A session and the path's beginning for each front."""
    (folder,) = [one.parent for one in (box.state / "run/engines").glob("*/engine.sock")]
    async with Session.local(box.socket) as session:
        key = (await session.create_key(KeyWish(name="end-to-end", scopes=("chat",)))).secret
    bearer = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    inner = {**bearer, "Authorization": f"Bearer {(folder / 'engine.key').read_text().strip()}"}
    # llama-server hangs up after each stream, and on a line that rested for five seconds.
    engine = aiohttp.UnixConnector(
        str(folder / "engine.sock"),
        force_close=stream,
        **({} if stream else {"keepalive_timeout": _REST_S}),
    )
    door = aiohttp.TCPConnector(ssl=box.trust(), keepalive_timeout=_REST_S)
    local = aiohttp.UnixConnector(str(box.socket), keepalive_timeout=_REST_S)
    ways = {
        BARE: (engine, "http://localhost", inner),
        TLS: (door, f"https://localhost:{box.port}", bearer),
        LOCAL: (local, "http://localhost", bearer),
    }
    made = {
        name: (aiohttp.ClientSession(connector=connector, headers=headers), where)
        for name, (connector, where, headers) in ways.items()
    }
    try:
        yield made
    finally:
        for session, _ in made.values():
            await session.close()


async def measure(
    front: str,
    way: tuple[aiohttp.ClientSession, str],
    options: argparse.Namespace,
    requests: int,
    *,
    stream: bool,
) -> Told:
    """Have the clients ask so many requests together; time all of them."""
    session, where = way
    waiting = iter(range(requests))
    model = _RANDOM if options.layers else MODEL
    tokens = 0

    async def client() -> None:
        nonlocal tokens
        for number in waiting:
            body = question(front, number, model, stream=stream)
            async with session.post(where + CHAT, data=body) as answer:
                raw = await answer.read()
                if answer.status != _OK:
                    sys.exit(f"{front}: HTTP {answer.status} {raw[:300]!r}")
            tokens += _tokens(raw, stream=stream)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(options.clients)))
    lasted = time.perf_counter() - begun
    return Told(tokens / lasted, requests / lasted)


def _tokens(raw: bytes, *, stream: bool) -> int:
    """Tokens written, as the answer's `usage` tells."""
    if stream:
        events = [line[6:] for line in raw.splitlines() if line.startswith(b"data: {")]
        raw = next(event for event in reversed(events) if b'"usage":{' in event)
    return int(json.loads(raw)["usage"]["completion_tokens"])


async def compare(box: SoakBox, options: argparse.Namespace, *, stream: bool) -> dict[str, float]:
    """Alternate the fronts; return the median ratio of tokens to the bare engine's by front."""
    rounds: dict[str, list[Told]] = {BARE: [], TLS: [], LOCAL: []}
    names = list(rounds)
    async with fronts(box, stream=stream) as ways:
        for name in names:
            await measure(name, ways[name], options, options.clients * 2, stream=stream)
        for number in range(options.rounds):
            at = number % len(names)
            for name in names[at:] + names[:at]:
                told = await measure(name, ways[name], options, options.requests, stream=stream)
                rounds[name].append(told)
    print(
        f"\n{'streams' if stream else 'whole answers'}, {options.clients} clients, {TOKENS} tokens"
    )
    ratios = {}
    for name, told in rounds.items():
        shares = [one.tokens / bare.tokens for one, bare in zip(told, rounds[BARE], strict=True)]
        ratios[name] = statistics.median(shares)
        print(
            f"  {name:<16} {statistics.median(one.tokens for one in told):>8.0f} tokens/s"
            f" {statistics.median(one.requests for one in told):>7.1f} requests/s"
            f"   {ratios[name]:.3f} of bare (rounds {min(shares):.3f} to {max(shares):.3f})"
        )
    return ratios


async def _ready(box: SoakBox) -> None:
    async with Session.local(box.socket) as session:
        await session.health(deep=True)


async def _serve_random(box: SoakBox, layers: int) -> None:
    """Have the box serve a model of random weights, and nothing else."""
    target = box.state.parent / f"{_RANDOM}.gguf"
    write_random_model(target, layers)
    said = box.command("model", "import", str(target), "--id", _RANDOM)
    if said.returncode:
        sys.exit(f"wardbox model import: {said.stdout}{said.stderr}")
    async with Session.local(box.socket) as session:
        await session.serving.unload(MODEL)
        await session.serving.load(_RANDOM)
        for _ in range(_LOADS):
            if [one.phase for one in await session.serving.states()] == ["ready"]:
                return
            await asyncio.sleep(_REST_S)
    sys.exit(f"{_RANDOM} is not loaded: wardbox model status")


def main() -> int:
    """Measures and prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--layers", type=int, default=0)
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="wardbox-end-") as name, installed(Path(name)) as box:
        uvloop.run(_ready(box))
        if options.layers:
            uvloop.run(_serve_random(box, options.layers))
        found = [uvloop.run(compare(box, options, stream=stream)) for stream in (False, True)]
    worst = min(ratios[TLS] for ratios in found)
    print(f"\ngateway over TLS / bare engine   {worst:.3f}   (goal >= {GOAL})")
    return int(worst < GOAL)


if __name__ == "__main__":
    sys.exit(main())
