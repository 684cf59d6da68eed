"""What one box lends another: on record, of the same weights, with its adapters and salts, while it speaks."""

import json

import pytest

from appliance.cluster import peering, replicas
from appliance.cluster.errors import ReplicasGone
from appliance.errors import AuditUnavailable
from appliance.serving.errors import EngineGone
from appliance.serving.own_weights import OwnWeights
from appliance.serving.store import Target
from models.errors import EngineDraining, ModelDamaged, ModelUnknown
from tests.appliance.cluster.neighbours import HEAD, MEMBER
from tests.appliance.serving.fakes import Clock, Shelf, until
from tests.appliance.serving.two_boxes import ASK, PATH, both_ready, boxes


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(peering, "ANNOUNCE_S", 0.02)


@pytest.fixture
async def pair(tmp_path):
    async with boxes(tmp_path) as both:
        yield both


async def test_nothing_is_answered_for_a_neighbour_without_a_record(pair) -> None:
    one, two = pair
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    two.rooms.log.error = AuditUnavailable(reason="disk full")
    with pytest.raises(EngineGone):
        await one.ask()
    two.rooms.log.error = None
    await until(lambda: one.at.offers("m") == [MEMBER])
    assert (await one.ask())["choices"]


async def test_another_model_under_the_same_name_is_not_asked(pair) -> None:
    one, two = pair
    two.rooms.shelf.digests["m"] = "f" * 64
    await both_ready(one, two)
    mine = one.serving.residency.residents["m"].offer(None, one.serving.traffic)
    assert one.serving.ready("m") is mine


async def test_other_weights_are_not_asked_while_this_box_s_own_lie_cold(pair) -> None:
    one, two = pair
    two.rooms.shelf.digests["m"] = "f" * 64
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    assert one.serving.ready("m") is None
    upstream = await one.serving.upstream("m")
    assert upstream.digest == one.rooms.shelf.get("m").manifest.digest
    assert one.rooms.loaded() == {"m"}
    assert (await one.ask())["choices"]
    assert two.tags() == []


async def test_a_served_name_next_door_is_no_model_of_this_box(pair) -> None:
    one, two = pair
    await two.start("a")
    del two.rooms.shelf.sizes["m"]
    await two.serving.deployments.apply("m", (Target("a", None, 100),), "user:it")
    await two.at.peering.share("m", "user:it")
    await one.start()
    await until(lambda: one.at.peering.hearing.book.targets("m") != ())
    assert one.serving.ready("m") is None
    del one.rooms.shelf.sizes["m"]
    one.serving.beyond._own._known.clear()
    assert one.serving.ready("m").model == "a"


def test_the_shelf_is_looked_at_again_and_a_damaged_model_is_like_no_other() -> None:
    clock, shelf = Clock(0.0), Shelf()
    own = OwnWeights(shelf, clock)
    assert own("m") is None
    shelf.sizes["m"] = 1
    assert own("m") is None
    clock.now = 31.0
    assert own("m") == shelf.get("m").manifest.content

    def damaged(model):
        raise ModelDamaged(name=model, reason_zh="坏", reason_en="bad", model_id=model)

    shelf.get = damaged
    clock.now = 62.0
    assert own("m") == ""


async def test_a_served_name_is_shared_with_its_targets(pair) -> None:
    one, two = pair
    await two.serving.upstream("m")
    await two.serving.upstream("a")
    await two.serving.deployments.apply(
        "ward", (Target("m", None, 50), Target("a", None, 50)), "user:it"
    )
    await one.start()
    await two.start()
    await two.at.peering.share("ward", "user:it")
    await until(lambda: one.serving.beyond is not None)
    assert [one.serving.ready("ward").model for _ in range(4)] == ["m", "a", "m", "a"]
    assert (await one.ask("ward"))["choices"]
    assert one.serving.beyond.book.askable() == ("a", "m", "ward")
    one.at.peering.hearing.book.failed(MEMBER)
    with pytest.raises(ReplicasGone):
        await one.serving.upstream("ward")
    with pytest.raises(ModelUnknown):
        await two.at.peering.share("no-such", "user:it")


async def test_adapters_and_salts_are_added_where_the_engine_is(pair) -> None:
    one, two = pair
    await both_ready(one, two)
    heard = []
    resident = two.serving.residency.residents["m"]
    resident.engine = "vllm"
    resident.hang_up()
    offered = resident.offer(None, two.serving.traffic, b"k" * 32)
    inner = offered.pool.ask

    async def spy(path, body, asker="", *, patient=False):
        heard.append((json.loads(body), asker))
        return await inner(path, body, asker, patient=patient)

    offered.pool.ask = spy
    # Another engine is no replica of this box's own: this one is asked for nothing.
    await until(lambda: one.at.peering.hearing.book.fit("m", None)[0].offer.engine == "vllm")
    await one.serving.residency.end("m")
    assert (await one.ask())["choices"]
    body, asker = heard[0]
    assert asker == f"peer:{HEAD}"
    first = body["cache_salt"]
    upstream = one.serving.ready("m")
    upstream.enter()
    await (await upstream.pool.ask(PATH, ASK, "key:2")).whole()
    upstream.leave()
    assert heard[1][0]["cache_salt"] != first


async def test_a_silent_neighbour_is_given_up(pair, monkeypatch) -> None:
    monkeypatch.setattr(replicas, "SILENT_S", 0.4)
    one, two = pair
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    two.at.peering.hearing.members = {}
    two.at.membership = None
    two.at.peering._task.cancel()  # it hangs: its door is open, and it says nothing more
    await until(lambda: one.serving.beyond is None)


async def test_an_engine_on_its_way_out_is_not_lent(pair) -> None:
    one, two = pair
    await one.start()
    await two.start("m")
    await until(lambda: one.at.offers("m") == [MEMBER])
    upstream = one.serving.ready("m")
    upstream.enter()
    await two.serving.residency.end("m")
    with pytest.raises(EngineDraining):
        await upstream.pool.ask(PATH, ASK, "key:1")
    upstream.leave()
    await until(lambda: one.serving.beyond is None)
