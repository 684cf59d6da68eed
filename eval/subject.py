"""The subject: a model under test behind OpenAI's chat API, asked many questions at once."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from eval.case import Answer, Case
from eval.errors import ModelSilent

RETRIES = 3
SILENT_AFTER = 20
"""Questions in a row without any answer after which the run gives up: the model is not there."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the model answers. `socket` goes before the host in `base_url`."""

    base_url: str
    model: str
    socket: Path | None = None
    token: str | None = None
    concurrency: int = 8
    timeout_s: float = 120.0


class Subject:
    """Asks with temperature 0 and a fixed seed, so that a run can be repeated."""

    def __init__(self, address: Address, clock: Callable[[], float] = time.perf_counter) -> None:
        self._address = address
        self._clock = clock
        self._failures = 0
        connector = (
            aiohttp.UnixConnector(str(address.socket), limit=address.concurrency)
            if address.socket is not None
            else aiohttp.TCPConnector(limit=address.concurrency)
        )
        headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
        self._http = aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=address.timeout_s),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def answers(self, cases: Sequence[Case]) -> AsyncGenerator[tuple[Case, Answer], None]:
        """Answers as they come, in no particular order.

        Raises:
            ModelSilent: many questions in a row brought nothing but errors.
        """
        waiting = iter(cases)
        running: dict[asyncio.Task[Answer], Case] = {}
        try:
            while True:
                while len(running) < self._address.concurrency:
                    case = next(waiting, None)
                    if case is None:
                        break
                    running[asyncio.create_task(self._ask(case))] = case
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    case, answer = running.pop(task), task.result()
                    self._count(answer)
                    yield case, answer
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _count(self, answer: Answer) -> None:
        self._failures = 0 if answer.error is None else self._failures + 1
        if self._failures >= SILENT_AFTER:
            raise ModelSilent(reason=answer.error)

    async def _ask(self, case: Case) -> Answer:
        body = {
            "model": self._address.model,
            "messages": [dict(message) for message in case.messages],
            "max_tokens": case.max_tokens,
            "temperature": 0,
            "seed": 0,
        }
        began = self._clock()
        reason = ""
        for attempt in range(RETRIES):
            try:
                text = await self._post(body)
                return Answer(case.id, text, self._clock() - began)
            except (aiohttp.ClientError, TimeoutError, _RefusedError) as error:
                reason = str(error) or type(error).__name__
                await asyncio.sleep(0.2 * 4**attempt)
        return Answer(case.id, "", self._clock() - began, error=reason)

    async def _post(self, body: dict[str, Any]) -> str:
        url = f"{self._address.base_url.rstrip('/')}/v1/chat/completions"
        async with self._http.post(url, json=body) as response:
            if response.status != 200:  # noqa: PLR2004  HTTP's own number
                raise _RefusedError(f"HTTP {response.status}")
            answer = await response.json(content_type=None)
        try:
            text = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise _RefusedError("not a chat completion") from None
        return text if isinstance(text, str) else ""


class _RefusedError(Exception):
    """The answer was none."""
