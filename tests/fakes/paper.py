"""What every answer of the box of paper is written with: refusals, streams, an hour that never passes."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from appliance.contract.problem import Problem

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NASTY = "\x1b[31m[bold red]恶意[/]\u202egnp.exe\x07\u2066\x9b2J"
API = "/api/v1"
Route = tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]


def problem(status: int, code: str, zh: str, en: str, **more: Any) -> Problem:
    return Problem(
        type=f"urn:wardbox:problem:{code}",
        title=code,
        status=status,
        code=code,
        detail=f"{zh} {en}",
        way_out=more.pop("way_out", "请稍后再试。 Try again later."),
        request_id="req_0",
        **more,
    )


def say(view: BaseModel) -> web.Response:
    return web.json_response(text=view.model_dump_json())


def rows(views: Any) -> web.Response:
    text = "[" + ",".join(view.model_dump_json() for view in views) + "]"
    return web.Response(text=text, content_type="application/json")


def refuse(said: Problem) -> web.Response:
    return web.Response(
        status=said.status, text=said.model_dump_json(), content_type="application/problem+json"
    )


async def open_stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    return answer


async def event(answer: web.StreamResponse, said: BaseModel) -> None:
    data = json.dumps(said.model_dump(mode="json"))
    await answer.write(f"data: {data}\n\n".encode())
