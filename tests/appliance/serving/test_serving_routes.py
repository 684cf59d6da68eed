"""The routes of serving over real HTTP, with the box's own client."""

import argparse
import asyncio

import pytest
from openai import AsyncOpenAI

from appliance.client.problem import ProblemError
from appliance.cluster.announcement import Share
from appliance.cluster.replicas import SILENT_S, ReplicaBook
from appliance.commands.model_serving import act, line_of
from appliance.contract.serving import AdapterWish, DeploymentWish, Keeping, TargetWish
from appliance.serving.beyond import Beyond
from appliance.serving.peer_pool import PeerPools
from models.card import Bilingual
from models.engines.explain import Failure
from models.planning.reservations import HOST, Reservations
from tests.appliance.access.doubles import HandClock
from tests.appliance.cluster.neighbours import offer, told
from tests.appliance.serving.fakes import until
from tests.appliance.serving.test_adapters import write_adapter
from tests.models.engines.tiny_model import write_tiny_model

ASK = {"model": "notes", "messages": [{"role": "user", "content": "x"}]}


def deploy(*targets: TargetWish) -> DeploymentWish:
    return DeploymentWish(targets=targets)


@pytest.mark.slow
async def test_models_are_loaded_kept_and_let_go(rooms, session):
    assert (await session.serving.load("a")).phase == "ready"
    kept = Keeping(pinned=True, idle_unload_s=60)
    assert await session.serving.keep("a", kept) == kept
    (state,) = await session.serving.states()
    assert (state.model, state.pinned, state.holds) == ("a", True, {HOST: 30})
    assert line_of(state).startswith("* a  ready")
    await session.serving.unload("a")
    assert await session.serving.states() == ()
    for call in (
        session.serving.load("nobody"),
        session.serving.unload("a"),
        session.serving.keep("nobody", kept),
    ):
        with pytest.raises(ProblemError):
            await call


@pytest.mark.slow
async def test_a_failed_load_is_told_with_a_way_out(rooms, session, capsys):
    way_out = Bilingual("请减小上下文。", "Reduce the context.")
    rooms.maker.failing["a"] = Failure("显存不足", "it ran out of memory", "device-memory", way_out)
    with pytest.raises(ProblemError) as told:
        await session.serving.load("a")
    assert told.value.code == "engine.failed"
    (state,) = await session.serving.states()
    assert (state.phase, state.retry_after_s) == ("failed", 15)
    assert "memory" in state.reason.en
    assert (state.failure, state.way_out.en) == ("device-memory", way_out.en)
    assert "(15 s)" in line_of(state)
    assert "[device-memory]" in line_of(state)
    await act(session, argparse.Namespace(what="status"))
    assert "→ 请减小上下文。 Reduce the context." in capsys.readouterr().out


@pytest.mark.slow
async def test_a_loading_model_tells_what_its_engine_does(rooms, session):
    gate = rooms.maker.gates["a"] = asyncio.Event()
    rooms.serving.residency.begin("a")
    await until(lambda: rooms.maker.starts == ["a"])
    rooms.maker.made[0].phase = "weights"
    (state,) = await session.serving.states()
    assert (state.phase, state.step, state.failure) == ("loading", "weights", None)
    assert line_of(state).startswith("  a  loading 40 % weights")
    gate.set()
    await until(lambda: rooms.serving.ready("a") is not None)


async def test_a_served_name_is_asked_listed_shared_out_and_put_back(rooms, box, session):
    serving = session.serving
    made = await serving.deploy("notes", deploy(TargetWish(model="a", weight=100)))
    assert (made.revision, made.previous) == (1, None)
    url = f"{box.url}/v1/chat/completions"
    async with box.http.post(url, json=ASK, headers=box.bearer) as answer:
        assert answer.status == 200
    assert box.entries("model:completion:answer")[0].details["model"] == "a"
    digest = box.entries("model:completion:answer")[0].details["model_digest"]
    assert digest == rooms.shelf.get("a").manifest.digest
    async with box.http.get(f"{box.url}/v1/models", headers=box.bearer) as listed:
        names = [row["id"] for row in (await listed.json())["data"]]
    assert names == ["a", "b", "huge", "large", "m", "notes"]
    for name in ("b", "notes"):
        only = box.make_key("chat", models=frozenset({name}))
        async with box.http.get(f"{box.url}/v1/models", headers=only) as listed:
            assert [row["id"] for row in (await listed.json())["data"]] == [name]
        async with box.http.post(url, json=ASK, headers=only) as answer:
            assert answer.status == (200 if name == "notes" else 403)
    async with box.http.get(f"{box.url}/v1/models/notes", headers=box.bearer) as one:
        assert (await one.json())["id"] == "notes"
    await serving.deploy(
        "notes", deploy(TargetWish(model="a", weight=90), TargetWish(model="b", weight=10))
    )
    assert (await serving.revert("notes")).targets == (TargetWish(model="a", weight=100),)
    assert (await serving.drain("notes")).drained
    async with box.http.post(url, json=ASK, headers=box.bearer) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        assert (await answer.json())["code"] == "deployment.drained"
    await serving.withdraw("notes")
    assert await serving.deployments() == ()


WRONG = (
    {"targets": []},
    {"targets": [{"model": "a", "weight": 101}]},
    {"targets": [{"model": "a", "weight": -1}]},
    {"targets": [{"model": "nobody"}]},
    {"targets": [{"model": "a", "adapter": "nobody"}]},
    {"targets": [{"model": "a", "weight": 50}]},
    {"targets": [{"model": "a"}], "more": 1},
)


@pytest.mark.slow
async def test_wishes_that_cannot_be_are_refused(box):
    url = f"{box.url}/api/v1/deployments/notes"
    for wish in WRONG:
        async with box.http.put(url, json=wish, headers=box.bearer) as answer:
            assert answer.status in {404, 422}, wish
            assert (await answer.json())["way_out"]


@pytest.mark.slow
async def test_reading_is_not_deciding(box):
    reader = box.make_key("models:read", "system:read")
    for method, path in (
        ("POST", "models/a/load"),
        ("POST", "models/a/unload"),
        ("PUT", "models/a/keeping"),
        ("PUT", "deployments/notes"),
        ("DELETE", "deployments/notes"),
        ("POST", "adapters/eye/approve"),
        ("PUT", "leases/windows/train"),
    ):
        asked = box.http.request(method, f"{box.url}/api/v1/{path}", json={}, headers=reader)
        async with asked as answer:
            assert answer.status == 403, path
    for path in ("models/status", "deployments", "adapters", "leases"):
        async with box.http.get(f"{box.url}/api/v1/{path}", headers=reader) as answer:
            assert answer.status == 200


@pytest.mark.slow
async def test_adapters_come_from_the_box_itself_only(rooms, box, session, tmp_path):
    rooms.shelf.folder = tmp_path
    rooms.office.reserved = Reservations({HOST: 1 << 33, "cores": 4})
    write_tiny_model(tmp_path / "a.gguf")
    file = write_adapter(tmp_path / "eye.gguf")
    wish = AdapterWish(id="eye", base="a", file=str(file))
    url = f"{box.url}/api/v1/adapters"
    async with box.http.post(url, json=wish.model_dump(), headers=box.bearer) as answer:
        assert (await answer.json())["code"] == "access.local-only"
    serving = session.serving
    assert (await serving.register_adapter(wish)).state == "registered"
    for step, name in (("approve", None), ("load", None), ("promote", "notes")):
        one = await serving.adapter_step("eye", step, name)
    assert one.state == "promoted"
    async with box.http.post(
        f"{box.url}/v1/chat/completions", json=ASK, headers=box.bearer
    ) as answer:
        assert answer.status == 200
    details = box.entries("model:completion:answer")[0].details
    assert (details["model"], details["adapter_digest"]) == ("a", one.digest)
    assert (await serving.adapter_step("eye", "revert", "notes")).state == "loaded"
    await serving.remove_adapter("eye")
    assert await serving.adapters() == ()


@pytest.mark.slow
async def test_leases_and_hours(rooms, session):
    await session.serving.load("m")
    told = await session.serving.leases()
    assert [(one.holder, one.purpose, one.holds) for one in told.leases] == [
        ("m", "serve", {HOST: 60})
    ]
    assert (told.capacity[HOST], told.free[HOST]) == (100, 40)
    assert (await session.serving.set_window("train", "22:00-06:00")).windows == {
        "train": "22:00-06:00"
    }
    assert (await session.serving.set_window("train", None)).windows == {}
    assert told.past == ()
    await session.serving.unload("m")
    await until(lambda: not rooms.serving.leases.leases())
    await session.serving.load("a")
    past = (await session.serving.leases(past=5)).past
    assert [(one.holder, one.purpose, one.holds, one.ended is None) for one in past] == [
        ("a", "serve", {HOST: 30}, True),
        ("m", "serve", {HOST: 60}, False),
    ]
    assert len((await session.serving.leases(past=1)).past) == 1
    for bad in (-1, 1001):
        with pytest.raises(ProblemError) as refused:
            await session.serving.leases(past=bad)
        assert refused.value.status == 422
    for purpose, hours in (("train", "25:00-1"), ("serve", "22:00-06:00")):
        with pytest.raises(ProblemError):
            await session.serving.set_window(purpose, hours)


@pytest.mark.slow
async def test_who_asks_while_it_loads_is_told_how_far_it_is(rooms, box, monkeypatch):
    monkeypatch.setattr("appliance.serving.service._PATIENCE_S", 0.05)
    gate = rooms.maker.gates["a"] = asyncio.Event()
    url = f"{box.url}/v1/chat/completions"
    async with box.http.post(url, json={**ASK, "model": "a"}, headers=box.bearer) as answer:
        told = await answer.json()
    assert (answer.status, told["code"], told["progress"]) == (503, "model.loading", 0.4)
    assert int(answer.headers["retry-after"]) >= 1
    gate.set()


async def listed(box, headers) -> list[str]:
    async with box.http.get(f"{box.url}/v1/models", headers=headers) as answer:
        assert answer.status == 200
        return [row["id"] for row in (await answer.json())["data"]]


async def test_models_of_other_boxes_are_listed_after_the_box_s_own(rooms, box):
    one = f"{box.url}/v1/models/theirs"
    clock = HandClock(100.0)
    book = ReplicaBook(clock)
    rooms.serving.beyond = Beyond(
        book, PeerPools(lambda: None, rooms.log), rooms.serving.traffic, b"k"
    )
    own = ["a", "b", "huge", "large", "m"]
    assert await listed(box, box.bearer) == own
    async with box.http.get(one, headers=box.bearer) as answer:
        assert answer.status == 404
    # What both have is listed once, as the box's own.
    book.hear(told("10.20.0.1", 1, offer("a"), offer("theirs"), shared=(Share("a", None, 100),)))
    book.hear(told("10.20.0.2", 1, offer("theirs"), offer("other")))
    assert await listed(box, box.bearer) == [*own, "other", "shared", "theirs"]
    async with box.http.get(one, headers=box.bearer) as answer:
        assert await answer.json() == {
            "id": "theirs", "object": "model", "created": 0, "owned_by": "wardbox-cluster",
            "type": "model", "display_name": "theirs", "created_at": "1970-01-01T00:00:00Z",
        }  # fmt: skip
    only = box.make_key("chat", models=frozenset({"theirs", "b"}))
    assert await listed(box, only) == ["b", "theirs"]
    async with box.http.get(f"{box.url}/v1/models/other", headers=only) as answer:
        assert answer.status == 403
    # The official client reads what does not tell when it was made.
    client = AsyncOpenAI(base_url=f"{box.url}/v1", api_key=box.key, max_retries=0)
    assert [row.id async for row in client.models.list()][-1] == "theirs"
    await client.close()
    clock.now += SILENT_S + 1
    assert await listed(box, box.bearer) == own
    rooms.serving.beyond = None
