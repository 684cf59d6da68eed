"""One connection pool to a box: requests, problems and server-sent events, without meaning."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from appliance.client.problem import BoxUnreachable, ProblemError, unexpected
from appliance.contract.problem import Problem

# A specialist drafts for seconds, a verification of a large log for minutes.
REQUEST_SECONDS = 600.0
# The box sends a comment every 15 s: three missed ones mean that nobody is there.
SILENCE_SECONDS = 50.0
EVENT_BYTES = 4 * 1024 * 1024

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Sent:
    """One server-sent event."""

    event: str
    id: str
    data: str


class Transport:
    """HTTP to one box, over its Unix socket or over TLS."""

    def __init__(self, base: str, connector: aiohttp.BaseConnector, where: str) -> None:
        self.where = where
        self.token: str | None = None
        self._base = base
        self._http = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    @classmethod
    def local(cls, socket: Path) -> "Transport":
        """Reach the box on this machine through its socket (file mode is the lock)."""
        return cls("http://localhost", aiohttp.UnixConnector(str(socket)), str(socket))

    @classmethod
    def remote(cls, url: str, ca_file: Path | None, token: str | None) -> "Transport":
        """Reach a box over TLS, trusting `ca_file` alone (or the system's roots when None).

        Raises:
            BoxUnreachable: the CA file cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except OSError as error:
            raise BoxUnreachable(str(ca_file), error.strerror or "CA") from error
        made = cls(url.rstrip("/"), aiohttp.TCPConnector(ssl=context), url)
        made.token = token
        return made

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def json(
        self,
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask once and return the JSON of the answer (None for 204).

        Raises:
            ProblemError: the box refused.
            BoxUnreachable: nobody answered.
        """
        async with self._ask(method, path, body, query) as answer:
            if answer.status == HTTPStatus.NO_CONTENT:
                return None
            return await self._read_json(answer)

    async def view(
        self,
        kind: type[T],
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        """Ask once and read the answer as `kind`; the errors of `json`."""
        value = await self.json(method, path, body, query)
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            raise ProblemError(unexpected(200, kind.__name__, str(error))) from error

    async def pieces(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Yield the bytes of a file as they come; the errors of `json`."""
        long = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_SECONDS)
        async with self._ask("GET", path, None, query, timeout=long) as answer:
            async for piece in answer.content.iter_any():
                yield piece

    async def events(
        self,
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Sent]:
        """Yield server-sent events until the box ends the stream; the errors of `json`."""
        forever = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_SECONDS)
        async with self._ask(method, path, body, None, headers=headers, timeout=forever) as answer:
            async for sent in _read_events(answer.content):
                yield sent

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        **more: Any,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = dict(more.pop("headers", None) or {})
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        payload = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        try:
            async with self._http.request(
                method, self._base + path, json=payload, params=query, headers=headers, **more
            ) as answer:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise ProblemError(await self._problem(answer))
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BoxUnreachable(self.where, str(error) or type(error).__name__) from error

    @staticmethod
    async def _read_json(answer: aiohttp.ClientResponse) -> Any:
        try:
            return await answer.json(content_type=None)
        except ValueError as error:
            raise ProblemError(
                unexpected(answer.status, answer.reason or "", await answer.text())
            ) from error

    @staticmethod
    async def _problem(answer: aiohttp.ClientResponse) -> Problem:
        text = (await answer.content.read(65_536)).decode("utf-8", "replace")
        try:
            return Problem.model_validate_json(text)
        except ValidationError:
            return unexpected(answer.status, answer.reason or "", text)


async def _read_events(content: aiohttp.StreamReader) -> AsyncIterator[Sent]:
    """Parse `text/event-stream` (WHATWG HTML, section 9.2)."""
    fields: dict[str, str] = {}
    async for line in _read_lines(content):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line:
            joined = field == "data" and "data" in fields
            fields[field] = f"{fields['data']}\n{value}" if joined else value
        elif "data" in fields:
            yield Sent(fields.pop("event", "message"), fields.get("id", ""), fields.pop("data"))
        else:
            fields.pop("event", None)


async def _read_lines(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    held = b""
    async for chunk in content.iter_any():
        held += chunk
        if len(held) > EVENT_BYTES:
            raise ProblemError(unexpected(HTTPStatus.OK, "event too long", ""))
        *lines, held = held.split(b"\n")
        for raw in lines:
            yield raw.rstrip(b"\r").decode("utf-8", "replace")
