"""Asks a freshly started llama-server for greedy answers: how a trained model is examined."""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from models.engines.engine import Address, EngineSpec, Placement
from models.engines.lifecycle import EngineSupervisor
from models.engines.llama_cpp import LlamaCpp
from models.errors import EngineFailed

_ANSWER_S = 600
_LONGEST_ANSWER = 1024
Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Serving:
    """How wide the server runs.

    Attributes:
        threads: Processor threads; never more than are free.
        slots: Chats answered at once.
        context: Tokens of prompt and answer together.
    """

    threads: int = 1
    slots: int = 8
    context: int = 2048


def _nobody(_: int) -> None:
    return None


async def answers(
    server: Path,
    model: Path,
    chats: Sequence[Chat],
    serving: Serving,
    *,
    told: Callable[[int], None] = _nobody,
) -> list[str]:
    """Start an engine of our own, answer all chats greedily, stop it.

    Args:
        server: The `llama-server` program.
        model: A GGUF file, as an absolute path: the engine runs in a folder of its own.
        chats: Messages of each chat.
        serving: Threads and slots.
        told: Called with the number of answers so far.

    Returns:
        The answers in the order of the chats.

    Raises:
        EngineFailed: The engine does not start, or refuses a chat.
    """
    with tempfile.TemporaryDirectory(prefix="wardbox-examine-") as folder:
        runtime = Path(folder)
        spec = EngineSpec(
            model_id="examined",
            model_path=model,
            address=Address(uds=runtime / "engine.sock"),
            secret=secrets.token_urlsafe(32),
            runtime_dir=runtime,
            placement=Placement(serving.threads, serving.slots, serving.context),
        )
        supervisor = EngineSupervisor(LlamaCpp(server), spec)
        try:
            await supervisor.ensure_ready()
            return await _ask_all(spec, chats, serving, told)
        finally:
            with suppress(EngineFailed):
                await supervisor.stop()


async def _ask_all(
    spec: EngineSpec, chats: Sequence[Chat], serving: Serving, told: Callable[[int], None]
) -> list[str]:
    gate = asyncio.Semaphore(serving.slots)
    done = 0
    # llama-server sometimes drops a reused connection, so each chat gets a fresh one.
    connector = aiohttp.UnixConnector(str(spec.address.uds), force_close=True)
    headers = {"Authorization": f"Bearer {spec.secret}"}
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)

    async def one(session: aiohttp.ClientSession, chat: Chat) -> str:
        nonlocal done
        async with gate:
            text = await _ask(session, chat)
        done += 1
        told(done)
        return text

    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=timeout
    ) as session:
        return list(await asyncio.gather(*(one(session, chat) for chat in chats)))


async def _ask(session: aiohttp.ClientSession, chat: Chat) -> str:
    body = {
        "messages": list(chat),
        "temperature": 0,
        "seed": 1,
        "cache_prompt": False,
        "max_tokens": _LONGEST_ANSWER,
    }
    try:
        async with session.post("http://engine/v1/chat/completions", json=body) as response:
            document = await response.json()
            if response.status != 200:  # noqa: PLR2004
                raise EngineFailed(reason_zh="请求被拒绝", reason_en=str(document)[:200])
            return str(document["choices"][0]["message"]["content"])
    except (aiohttp.ClientError, KeyError, ValueError) as fault:
        raise EngineFailed(reason_zh="没有得到回答", reason_en=repr(fault)) from fault
