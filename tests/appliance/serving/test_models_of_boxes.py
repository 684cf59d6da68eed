"""Models of other boxes over real HTTP: listed, asked under every rule of this box, gone with their boxes."""

import argparse
import contextlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
from openai import APIStatusError, AsyncOpenAI

from appliance.client.session import Session
from appliance.cluster import peering
from appliance.commands import model as model_command
from appliance.serving.store import Target
from tests.appliance.api.box import live_box
from tests.appliance.cluster.neighbours import MEMBER
from tests.appliance.serving.fakes import until
from tests.appliance.serving.folder_catalogue import Catalogue
from tests.appliance.serving.two_boxes import boxes
from tests.models.registry.cards import make_card

CHAT = {"model": "a", "messages": [{"role": "user", "content": "x"}]}
ABLE = frozenset({"chat", "completions", "embeddings", "moderation", "tokenize"})


class Shelf(Catalogue):
    """A catalogue whose models have whole cards."""

    def __init__(self, shelf) -> None:
        super().__init__(shelf)
        self.get = self._get

    def _get(self, name: str):
        found = self.shelf.get(name)
        manifest = SimpleNamespace(**vars(found.manifest), files=())
        return SimpleNamespace(card=make_card(id=name), manifest=manifest, path=found.path)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(peering, "ANNOUNCE_S", 0.02)


@pytest.fixture
async def pair(tmp_path):
    """Box one, live, with "m" alone on its shelf; box two lends "a" and "m"."""
    async with contextlib.AsyncExitStack() as undo:
        one, two = await undo.enter_async_context(boxes(tmp_path))
        del one.rooms.shelf.sizes["a"]
        (tmp_path / "live").mkdir()
        live = await undo.enter_async_context(live_box(tmp_path / "live"))
        live.front.services = replace(
            live.front.services, serving=one.serving, catalogue=Shelf(one.rooms.shelf)
        )
        await one.start()
        await two.serving.upstream("a")
        two.rooms.maker.made[-1].capabilities = ABLE
        two.serving.residency.residents["a"].hang_up()
        await two.start("a", "m")
        await until(lambda: one.at.offers("a") == one.at.offers("m") == [MEMBER])
        yield live, one, two


def client(live, headers) -> AsyncOpenAI:
    key = headers["Authorization"].removeprefix("Bearer ")
    return AsyncOpenAI(base_url=f"{live.url}/v1", api_key=key, max_retries=0)


async def listed(live, headers) -> dict[str, str]:
    async with live.http.get(f"{live.url}/v1/models", headers=headers) as answer:
        assert answer.status == 200
        return {row["id"]: row["owned_by"] for row in (await answer.json())["data"]}


async def status(live, headers, path: str = "/v1/models/a") -> tuple[int, str]:
    async with live.http.get(live.url + path, headers=headers) as answer:
        told = await answer.json()
        return answer.status, told.get("code") or told.get("error", {}).get("code", "")


async def test_what_only_a_neighbour_has_is_asked_under_all_rules_of_this_box(pair) -> None:
    live, one, two = pair
    only = live.make_key("chat", models=frozenset({"a"}))
    assert await listed(live, only) == {"a": "wardbox-cluster"}
    async with client(live, only) as asking:
        said = await asking.chat.completions.create(model="a", messages=CHAT["messages"])
        assert said.choices[0].message.content
        plain = await asking.completions.create(model="a", prompt="x")
        stream = await asking.chat.completions.create(
            model="a", messages=CHAT["messages"], stream=True
        )
        assert [event async for event in stream][-1].choices[0].finish_reason == "length"
        vectors = await asking.embeddings.create(model="a", input="x")
        assert vectors.data[0].embedding == [0.0, 1.0, 0.0]
    answers = live.entries("model:completion:answer")
    digest = two.rooms.shelf.get("a").manifest.digest
    assert {(one.details["model"], one.details["model_digest"]) for one in answers} == {("a", digest)}  # fmt: skip
    receipts = {one.details["receipt"] for one in answers}
    assert {said.model_extra["receipt"], plain.model_extra["receipt"]} < receipts
    assert len(answers) == len(receipts) == 4
    # Both boxes know which requests went over, by the number that the caller was told.
    numbers = {one.request_id for one in answers}
    for box, tag in ((one, "cluster:peer:ask"), (two, "cluster:peer:serve")):
        found = [event for event in box.rooms.log.events if event.tag == tag]
        assert {event.request_id for event in found} == numbers
    # The meter runs here, to the token, and on no engine of this box.
    rows = [row for row in live.services.access.usage(0, 2**40) if row.model == "a"]
    assert sum(row.completion_tokens for row in rows) == sum(
        event.details["completion_tokens"] for event in answers
    )
    assert sum(row.requests for row in rows) == 4
    assert one.rooms.loaded() == set()


async def test_a_model_next_door_that_was_made_to_judge_judges(pair) -> None:
    live, one, two = pair
    two.serving.residency.residents["a"].engine = "guard"  # declared, with this ability
    two.serving.residency.residents["a"].hang_up()
    book = one.serving.beyond.book
    await until(lambda: [each.offer.engine for each in book.fit("a", None)] == ["guard"])
    async with client(live, live.make_key("chat")) as asking:
        said = await asking.moderations.create(model="a", input="x")
        assert (said.model, said.results[0].flagged) == ("a", True)
        with pytest.raises(APIStatusError) as refused:
            await asking.moderations.create(model="m", input="x")
        assert refused.value.code == "model.cannot"
    (record,) = live.entries("model:completion:answer")
    assert record.details["receipt"] == said.model_extra["receipt"]


async def test_whoever_may_not_ask_for_it_neither_sees_nor_gets_it(pair) -> None:
    live, _, two = pair
    other = live.make_key("chat", models=frozenset({"m"}))
    assert await listed(live, other) == {"m": "wardbox"}
    assert await status(live, other) == (403, "access.model-forbidden")
    url = f"{live.url}/v1/chat/completions"
    few = live.make_key("chat", models=frozenset({"a"}), rpm=2)
    reader = live.make_key("models:read")
    nobody = {"Authorization": "Bearer k.x"}
    for headers, expected in ((other, 403), (reader, 403), (nobody, 401)):
        async with live.http.post(url, json=CHAT, headers=headers) as answer:
            assert answer.status == expected
    assert two.tags() == []
    statuses = []
    for _ in range(3):
        async with live.http.post(url, json=CHAT, headers=few) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 200, 429]
    assert answer.headers["Retry-After"]
    assert len(two.tags()) == 2


async def test_it_is_gone_when_it_is_lent_no_longer_or_its_box_leaves(pair) -> None:
    live, one, two = pair
    mine = live.make_key("chat")
    assert await listed(live, mine) == {"m": "wardbox", "a": "wardbox-cluster"}
    await two.at.peering.withhold("a", "user:it")
    await until(lambda: one.at.offers("a") == [])
    assert await listed(live, mine) == {"m": "wardbox"}
    assert await status(live, mine) == (404, "model.unknown")
    async with client(live, mine) as asking:
        with pytest.raises(APIStatusError) as refused:
            await asking.chat.completions.create(model="a", messages=CHAT["messages"])
        assert (refused.value.status_code, refused.value.code) == (404, "model.unknown")
        await two.at.peering.share("a", "user:it")
        await until(lambda: one.at.offers("a") == [MEMBER])
        assert "a" in await listed(live, mine)
        assert await two.at.peering.leave(20)
        await until(lambda: one.serving.beyond is None)
        assert await listed(live, mine) == {"m": "wardbox"}
        with pytest.raises(APIStatusError):
            await asking.chat.completions.create(model="a", messages=CHAT["messages"])


async def test_the_box_s_own_list_tells_which_boxes_have_a_model(pair, monkeypatch, capsys) -> None:
    live, one, two = pair
    await two.serving.deployments.apply("ward", (Target("a", None, 100),), "user:it")
    await two.at.peering.share("ward", "user:it")
    await until(lambda: one.serving.beyond.book.askable() == ("a", "m", "ward"))
    async with Session.local(live.socket) as session:
        (own,) = await session.models()
        assert (own.id, own.boxes) == ("m", (MEMBER,))
        away = await session.serving.elsewhere()
        assert [one.id for one in away] == ["a", "ward"]
        for one_of in away:
            (replica,) = one_of.replicas
            assert (replica.address, replica.model, replica.resting) == (MEMBER, "a", False)
        # Other weights under the same name are another model: nobody else has this one.
        two.rooms.shelf.digests["m"] = "f" * 64
        await two.serving.residency.end("m")
        await two.serving.upstream("m")
        book = one.serving.beyond.book
        await until(lambda: [each.offer.content for each in book.fit("m", None)] == ["f" * 64])
        assert [own.boxes for own in await session.models()] == [()]
        monkeypatch.setattr(Session, "local", lambda _: contextlib.nullcontext(session))
        await model_command._list(session, argparse.Namespace())
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("* m  1.0")
    assert said[1:] == [f"  {name}  仅在 only on {MEMBER}" for name in ("a", "ward")]
    scoped = live.make_key("chat")
    assert (await status(live, scoped, "/api/v1/models/elsewhere"))[0] == 403


async def test_a_box_that_left_the_cluster_has_nothing_elsewhere(pair) -> None:
    live, one, _ = pair
    await one.at.peering.stop()
    async with Session.local(live.socket) as session:
        assert await session.serving.elsewhere() == ()
        assert [own.boxes for own in await session.models()] == [()]
