"""The serving half of the box of paper: models, keys and use, from the contract's own types."""

from typing import Any

from aiohttp import web

from appliance.contract.access import CreatedKey, KeyLimits, KeyView, KeyWish
from appliance.contract.base import Text
from appliance.contract.catalogue import ModelView
from appliance.contract.cluster import ClusterNeighbour, ClusterNeighbours, ClusterReplica
from appliance.contract.serving import Keeping, ModelStateView
from appliance.contract.usage import UsageReport, UsageSum
from tests.fakes.paper import API, NOON, Route, rows, say

SECRET = "wbk_0007.c2VjcmV0LXNob3duLW9uY2U"
ONE, TWO, THREE = "wardbox-reference", "qwen3-32b", "baichuan-m2"
GIB = 2**30


def model_of(name: str, size: int, hostile: str = "") -> ModelView:
    return ModelView(
        id=name,
        name=Text(zh="示例模型" + hostile, en="A model"),
        version="1",
        architecture="qwen3",
        parameters=1_000_000,
        context=32_768,
        quantisation="Q4_K_M",
        bytes=size,
        digest="ab" * 32,
        engine="absent",
        default=name == ONE,
    )


def state_of(name: str, phase: str, percent: int = 100, **more: Any) -> ModelStateView:
    told = {
        "engine": "llama.cpp",
        "seconds": 12.0,
        "retry_after_s": 2,
        "pinned": False,
        "idle_unload_s": None,
        "idle_s": 42.0,
        "in_flight": 0,
        "holds": {"host": 2 * GIB},
        "adapters": (),
        "reason": None,
        **more,
    }
    return ModelStateView(model=name, phase=phase, percent=percent, **told)


def key_of(number: int, name: str, **more: Any) -> KeyView:
    told = {"scopes": ("chat",), "models": None, "created": NOON, "expires": None, **more}
    told.setdefault("revoked", None)
    return KeyView(id=f"wbk_{number:04d}", name=name, owner="emr-account", **told)


def replica_of(address: str, model: str, busy: int, slots: int, **more: Any) -> ClusterReplica:
    told = {"adapter": None, "digest": "ab" * 32, "engine": "vllm", "resting": False, **more}
    return ClusterReplica(address=address, model=model, busy=busy, slots=slots, **told)


def neighbours(hostile: str = "") -> ClusterNeighbours:
    """Three others: one that answers, one that says nothing, one that is lost."""
    two, three, four = "10.20.0.2", "10.20.0.3", "10.20.0.4"
    offers = (replica_of(two, TWO + hostile, 3, 8), replica_of(two, ONE, 0, 4, resting=True))
    told = (
        (two, "alive", 0.5, None, offers),
        (three, "silent", 95.0, None, ()),
        (four, "lost", None, NOON, ()),
    )
    return ClusterNeighbours(
        address="10.20.0.1",
        door=True,
        shared=(ONE + hostile,),
        boxes=tuple(
            ClusterNeighbour(
                address=address,
                name=f"ward-{address[-1]}" + hostile,
                state=state,
                heard_s=heard_s,
                lost=lost,
                replicas=replicas,
            )
            for address, state, heard_s, lost, replicas in told
        ),
    )


class PaperServing:
    """What it holds are plain attributes."""

    def __init__(self, hostile: str = "") -> None:
        self.shelf = [
            model_of(ONE, 2 * GIB, hostile),
            model_of(TWO, 62 * GIB),
            model_of(THREE, GIB),
        ]
        self.states = {
            ONE: state_of(ONE, "ready", in_flight=3, pinned=True),
            TWO: state_of(TWO, "loading", 37),
        }
        self.keys = {
            "wbk_0001": key_of(
                1, "emr" + hostile, requests_per_minute=600, tokens_per_month=5 * 10**7
            ),
            "wbk_0002": key_of(2, "kiosk", revoked=NOON, state="revoked"),
        }
        self.nearby = ClusterNeighbours(address="", door=False, shared=(), boxes=())
        self.answered = 100
        self.csv = b"hour,key,model,requests\n2026-01-05T12,wbk_0001,wardbox-reference,12\n"

    def routes(self) -> list[Route]:
        return [
            ("GET", f"{API}/models", self._models),
            ("GET", f"{API}/models/status", self._states),
            ("POST", f"{API}/models/{{id}}/load", self._load),
            ("POST", f"{API}/models/{{id}}/unload", self._unload),
            ("PUT", f"{API}/models/{{id}}/keeping", self._keep),
            ("GET", f"{API}/cluster/neighbours", self._neighbours),
            ("GET", "/metrics", self._metrics),
            ("GET", f"{API}/keys", self._keys),
            ("POST", f"{API}/keys", self._create),
            ("DELETE", f"{API}/keys/{{id}}", self._revoke),
            ("PUT", f"{API}/keys/{{id}}/limits", self._limit),
            ("GET", f"{API}/usage", self._usage),
            ("GET", f"{API}/usage/export", self._export),
        ]

    async def _models(self, _: web.Request) -> web.Response:
        return rows(self.shelf)

    async def _states(self, _: web.Request) -> web.Response:
        return rows(self.states.values())

    async def _load(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.states[name] = state_of(name, "loading", 5)
        return say(self.states[name])

    async def _unload(self, request: web.Request) -> web.Response:
        self.states.pop(request.match_info["id"], None)
        return web.json_response(None)

    async def _keep(self, request: web.Request) -> web.Response:
        wish = Keeping.model_validate(await request.json())
        name = request.match_info["id"]
        held = self.states.get(name, state_of(name, "waiting", 0))
        self.states[name] = held.model_copy(update=wish.model_dump())
        return say(wish)

    async def _neighbours(self, _: web.Request) -> web.Response:
        return say(self.nearby)

    async def _metrics(self, _: web.Request) -> web.Response:
        self.answered += 10
        mark = f'{{route="/v1/chat/completions",model="{ONE}"}}'
        lines = (
            f"wardbox_request_seconds_count{mark} {self.answered}",
            f"wardbox_first_token_seconds_sum{mark} {self.answered * 0.25}",
            f"wardbox_first_token_seconds_count{mark} {self.answered}",
            f"wardbox_completion_tokens_total{mark} {self.answered * 200}",
        )
        return web.Response(text="\n".join(lines) + "\n")

    async def _keys(self, _: web.Request) -> web.Response:
        return rows(self.keys.values())

    async def _create(self, request: web.Request) -> web.Response:
        wish = KeyWish.model_validate(await request.json())
        limits = {name: getattr(wish, name) for name in KeyLimits.model_fields}
        key = key_of(7, wish.name, expires=wish.expires, **limits)
        self.keys[key.id] = key
        made = CreatedKey(
            id=key.id,
            name=key.name,
            secret=SECRET,
            scopes=wish.scopes,
            models=wish.models,
            expires=wish.expires,
        )
        return say(made)

    async def _revoke(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        gone = {"revoked": NOON, "state": "revoked"}
        self.keys[name] = self.keys[name].model_copy(update=gone)
        return web.json_response(None)

    async def _limit(self, request: web.Request) -> web.Response:
        limits = KeyLimits.model_validate(await request.json())
        name = request.match_info["id"]
        self.keys[name] = self.keys[name].model_copy(update=limits.model_dump())
        return say(self.keys[name])

    async def _usage(self, request: web.Request) -> web.Response:
        by = request.query["by"]
        name, label = {"key": ("wbk_0001", "emr"), "model": (ONE, "")}.get(by, ("2026-01-05", ""))
        row = UsageSum(
            name=name, label=label, requests=1234, prompt_tokens=56_789, completion_tokens=98_765
        )
        start = NOON.replace(day=1, hour=0)
        return say(UsageReport(since=start, until=NOON, by=by, rows=(row,)))

    async def _export(self, _: web.Request) -> web.Response:
        return web.Response(body=self.csv, content_type="text/csv")
