"""Who watches the record of the box of paper from outside, and its exports, which take a few looks."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.audit import ExportList, ExportState, ExportWish
from appliance.contract.base import Text
from appliance.contract.outside import ForwardView, SecondKeyView, WitnessList, WitnessView
from tests.fakes.paper import API, NOON, Route, problem, refuse, say

ZIP = b"PK paper"
LAG = Text(zh="对端拒绝连接。", en="The receiver refuses the connection.")


def witness_of(name: str, age_s: float, **more: Any) -> WitnessView:
    told: dict[str, Any] = {
        "name": name,
        "key": f"{name}+5f1d0c2b+AAAA",
        "added": NOON - timedelta(days=90),
        "size": 28,
        "time": NOON - timedelta(seconds=age_s),
        "age_s": age_s,
        "stale": False,
    }
    return WitnessView.model_validate({**told, **more})


def forward_of(**more: Any) -> ForwardView:
    told: dict[str, Any] = {
        "state": "running",
        "target": "siem.hospital:6514",
        "format": "json",
        "connected": True,
        "peer": "TLSv1.3 CN=siem",
        "position": 30,
        "sent": 30,
        "size": 30,
        "behind": 0,
        "lag_s": 0.0,
        "late": False,
        "messages": 30,
        "confirmed": NOON,
        "failing_since": None,
        "reason": None,
    }
    return ForwardView.model_validate({**told, **more})


@dataclass
class PaperWatchers:
    """`step` is how much of an export is done at each look; `refused` the status that hides witnesses."""

    hostile: str = ""
    step: int = 10
    total: int = 30
    refused: int = 0
    forward: ForwardView = field(default_factory=forward_of)
    exports: dict[str, ExportState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.second = SecondKeyView(
            kind="tpm",
            key="wardbox/box-1+AAAA",
            made=NOON - timedelta(days=90),
            size=30,
            time=NOON - timedelta(minutes=3),
            counter=412,
            trouble=None,
            sentence=None,
        )
        self.witnesses = [
            witness_of("ward-2" + self.hostile, 240),
            witness_of("stick-A", 12 * 86_400, stale=True, size=9),
        ]

    def routes(self) -> list[Route]:
        exports = f"{API}/audit/exports"
        return [
            ("GET", f"{API}/audit/witnesses", self._witnesses),
            ("GET", f"{API}/audit/forwarding", self._forwarding),
            ("POST", exports, self._begin),
            ("GET", exports, self._listed),
            ("GET", f"{exports}/{{id}}", self._state),
            ("DELETE", f"{exports}/{{id}}", self._remove),
            ("GET", f"{exports}/{{id}}/download", self._fetch),
        ]

    async def _witnesses(self, _: web.Request) -> web.Response:
        if self.refused:
            return refuse(problem(self.refused, "db.failed", "数据库出错。", "It failed."))
        return say(
            WitnessList(second=self.second, witnesses=tuple(self.witnesses), size=self.total)
        )

    async def _forwarding(self, _: web.Request) -> web.Response:
        return say(self.forward)

    async def _begin(self, request: web.Request) -> web.Response:
        wish = ExportWish.model_validate(await request.json())
        if wish.since == "soon":
            said = ("看不懂的时间:soon。", "This is no time: soon.")
            return refuse(problem(422, "request.field-refused", *said))
        name = f"exp_{len(self.exports)}"
        self.exports[name] = ExportState(
            id=name,
            state="running",
            directory=wish.out or "/var/lib/wardbox/vault/files/exports/audit-1",
            asked=NOON,
            actor="local:console",
            since=None,
            until=None,
            done=0,
            total=self.total,
            entries=None,
            root=None,
            sentence=None,
            way_out=None,
        )
        return say(self.exports[name])

    async def _listed(self, _: web.Request) -> web.Response:
        return say(ExportList(exports=tuple(self.exports.values())))

    async def _state(self, request: web.Request) -> web.Response:
        found = self.exports.get(request.match_info["id"])
        if found is None:
            return refuse(problem(404, "audit.export-unknown", "没有这份导出。", "No such export."))
        done = min(found.done + self.step, found.total)
        over = {"state": "done", "entries": done, "root": "ab" * 32} if done == found.total else {}
        self.exports[found.id] = found.model_copy(update={"done": done, **over})
        return say(self.exports[found.id])

    async def _remove(self, request: web.Request) -> web.Response:
        self.exports.pop(request.match_info["id"], None)
        return web.Response(status=204)

    async def _fetch(self, _: web.Request) -> web.Response:
        return web.Response(body=ZIP, content_type="application/zip")
