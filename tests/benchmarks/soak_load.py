"""The clients of a soak: mixed requests over TLS, and an account of how each of them ended."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from models.reference.sampling import sample_facts
from tests.benchmarks.soak_box import SoakBox

CHAT = "/v1/chat/completions"
NOTE = "/api/v1/specialists/admission-note"
MODEL = "wardbox-reference"
HUNG_S = 180.0
_RETRY_MOST_S = 2.0
_OK = 200
_CLEAN = frozenset({400, 401, 403, 404, 409, 413, 415, 422, 429, 502, 503, 504})
# What is asked, in shares.
MIX = {
    "chat": 30,
    "stream": 26,
    "leaves stream": 8,
    "leaves early": 3,
    "note": 3,
    "note stream": 3,
    "leaves note": 3,
    "over quota": 8,
    "bad key": 5,
    "bad JSON": 4,
    "wrong model": 3,
    "embeddings": 4,
}
MUST_BE = {"bad key": {401}, "bad JSON": {400, 422}, "wrong model": {404}}


@dataclass(slots=True)
class Ended:
    """How one request ended, as its client saw it.

    Attributes:
        kind: one of `MIX`.
        outcome: "answered", "broken off" (a stream that ended with an error event), "refused",
            "left" (the client went away), "lost" (no answer and no error) or "hung".
        status: of HTTP; 0 when none came.
        code: of the problem.
        request_id: "" when the client never learned it.
        prompt: tokens read, as the answer's `usage` told; None when it told none.
        completion: tokens written, likewise.
        pieces: events with text that reached the client.
    """

    kind: str
    outcome: str = "lost"
    status: int = 0
    code: str = ""
    request_id: str = ""
    prompt: int | None = None
    completion: int | None = None
    pieces: int = 0


@dataclass(slots=True)
class Load:
    """A load: keys, and all that was told.

    Attributes:
        box: the box.
        keys: secrets of keys without limits.
        limited: secret of a key with few requests a minute.
        most: how many requests are made at most.
    """

    box: SoakBox
    keys: list[str]
    limited: str
    most: int
    ended: list[Ended] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def client(self, number: int) -> None:
        """One client: asks, hears, asks again."""
        rng = random.Random(number)
        trust = self.box.trust()
        # Shorter than the box keeps an idle line: a line that closes as one speaks is no loss.
        lines = aiohttp.TCPConnector(ssl=trust, keepalive_timeout=2, limit=1)
        where = f"https://localhost:{self.box.port}"
        async with aiohttp.ClientSession(where, connector=lines) as session:
            while not self.stop.is_set() and self.begun < self.most:
                self.begun += 1
                kind = rng.choices(list(MIX), list(MIX.values()))[0]
                ended = Ended(kind)
                pause = await self._one(session, ended, rng)
                self.ended.append(ended)
                if pause:
                    await asyncio.sleep(pause)

    async def _one(self, session: aiohttp.ClientSession, ended: Ended, rng: random.Random) -> float:
        """Ask once; returns how long to wait before asking again."""
        patience = rng.uniform(0.005, 0.1) if ended.kind == "leaves early" else HUNG_S
        try:
            async with asyncio.timeout(patience):
                return await self._ask(session, ended, rng)
        except TimeoutError:
            ended.outcome = "left" if ended.kind == "leaves early" else "hung"
        except (aiohttp.ClientError, OSError) as error:
            ended.outcome = "lost"
            self.odd[f"{ended.kind}: {type(error).__name__}: {error}"[:160]] += 1
        return 0.1

    async def _ask(self, session: aiohttp.ClientSession, ended: Ended, rng: random.Random) -> float:
        path, body = _question(ended.kind, rng)
        key = {"bad key": "wb_wrong.wrong", "over quota": self.limited}.get(
            ended.kind, rng.choice(self.keys)
        )
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        async with session.post(path, data=body, headers=headers) as answer:
            ended.status = answer.status
            ended.request_id = answer.headers.get("X-Request-ID", "")
            if answer.status != _OK:
                return await self._refused(answer, ended)
            if answer.content_type == "text/event-stream":
                await _follow(answer, ended, _patience(ended.kind, rng))
            else:
                _whole(json.loads(await answer.read()), ended)
        return 0.0

    async def _refused(self, answer: aiohttp.ClientResponse, ended: Ended) -> float:
        problem = json.loads(await answer.read())
        ended.outcome, ended.code = "refused", str(problem.get("code", ""))
        ended.request_id = ended.request_id or str(problem.get("request_id", ""))
        clean = answer.status in _CLEAN and ended.code and problem.get("way_out")
        if not clean:
            self.odd[f"{ended.kind}: HTTP {answer.status} {problem}"[:300]] += 1
        if answer.status not in MUST_BE.get(ended.kind, {answer.status}):
            self.odd[f"{ended.kind} was told {answer.status} {ended.code}"] += 1
        if ended.kind == "over quota" or answer.status < 429:
            return 0.0
        return min(_RETRY_MOST_S, float(answer.headers.get("Retry-After", "0.2")))


def _question(kind: str, rng: random.Random) -> tuple[str, bytes]:
    if "note" in kind:
        facts = sample_facts(rng, "ordinary", split="unseen").to_json()
        return NOTE, json.dumps({"facts": facts, "stream": kind != "note"}).encode()
    if kind == "bad JSON":
        return CHAT, rng.choice([b"{", b"[]", b"\xff\xfe", b'{"messages": 5}', b"", b'{"x":' * 999])
    body: dict[str, Any] = {"model": "nobody" if kind == "wrong model" else MODEL}
    if kind == "embeddings":
        return "/v1/embeddings", json.dumps({**body, "input": "右眼视物模糊半年"}).encode()
    words = f"患者{rng.randrange(10**6)}右眼视物模糊半年,请拟主诉。" * rng.randrange(1, 6)
    body["messages"] = [{"role": "user", "content": words}]
    body["max_tokens"] = 400 if kind.startswith("leaves") else rng.randrange(4, 48)
    if "stream" in kind:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return CHAT, json.dumps(body).encode()


def _patience(kind: str, rng: random.Random) -> int | None:
    """After how many pieces the client leaves."""
    return rng.randrange(1, 9) if kind.startswith("leaves") else None


def _whole(body: dict[str, Any], ended: Ended) -> None:
    ended.outcome = "answered"
    usage = body.get("usage")
    if usage is not None:
        ended.prompt = int(usage["prompt_tokens"])
        ended.completion = int(usage.get("completion_tokens", 0))


async def _follow(answer: aiohttp.ClientResponse, ended: Ended, patience: int | None) -> None:
    """Read a stream to its end, or leave after so many pieces."""
    event = ""
    async for raw in answer.content:
        line = raw.decode().rstrip()
        if line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: "):
            _hear(event, line[6:], ended)
        if patience is not None and ended.pieces >= patience and ended.outcome == "lost":
            ended.outcome = "left"
            answer.close()
            return


def _hear(event: str, data: str, ended: Ended) -> None:
    if data == "[DONE]" or event == "done":
        ended.outcome = "answered"
        return
    told = json.loads(data)
    if event == "error" or "error" in told:
        ended.outcome, ended.code = "broken off", str(told.get("code", ""))
        return
    _whole_usage = told.get("usage")
    if _whole_usage:
        ended.prompt = int(_whole_usage["prompt_tokens"])
        ended.completion = int(_whole_usage["completion_tokens"])
    choices = told.get("choices") or [{}]
    if event == "delta" or (choices[0].get("delta") or {}).get("content"):
        ended.pieces += 1
