"""The typed client against a real box: both doors, problems, streams, and nobody there."""

import asyncio

import pytest
from aiohttp import web

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from appliance.contract.access import KeyWish
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.api.stand_ins import MODEL


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        yield one


async def test_through_the_local_door(box: LiveBox):
    async with Session.local(box.socket) as session:
        assert (await session.health()).status == "ok"
        assert (await session.health(deep=True)).deep.ok
        assert (await session.overview()).integrity.entries > 0
        made = await session.create_key(KeyWish(name="emr", scopes=("chat",)))
        assert made.id in {key.id for key in await session.keys()}
        await session.revoke_key(made.id)
        told = await session.chat({"model": MODEL, "messages": [{"role": "user", "content": "x"}]})
        receipt = await session.receipt(told["receipt"])
        assert receipt.model == MODEL
        assert (await session.audit_verify()).ok
        assert (await session.audit_entries(limit="1")).entries[0].tag == "audit:log:verify"
        assert (await session.jobs()) == ()
        assert (await session.updates.list()).updates == ()


async def test_through_the_network_door_with_a_person(box: LiveBox):
    box.services.access.create_user("it", "a long password indeed", "administrator")
    async with Session.remote(box.url) as session:
        with pytest.raises(ProblemError) as refused:
            await session.overview()
        assert (refused.value.status, refused.value.code) == (401, "access.refused")
        view = await session.sign_in("it", "a long password indeed")
        assert view.role == "administrator"
        assert (await session.info()).id == "box"
        await session.sign_out()
        with pytest.raises(ProblemError):
            await session.info()


async def test_the_live_tail(box: LiveBox):
    async with Session.local(box.socket) as session:
        tail = session.audit_live()
        first = asyncio.ensure_future(anext(tail))
        while not first.done():
            box.make_key("chat")
            await asyncio.wait({first}, timeout=0.2)
        assert first.result().tag == "access:key:create"
        await tail.aclose()


async def test_nobody_there(tmp_path):
    async with Session.local(tmp_path / "nothing.sock") as session:
        with pytest.raises(BoxUnreachable) as told:
            await session.health()
    assert "nothing.sock" in told.value.detail
    assert told.value.way_out
    with pytest.raises(BoxUnreachable):
        Session.remote("https://localhost", tmp_path / "no-ca.pem")


async def test_somebody_else_there(tmp_path):
    async def page(_request):
        return web.Response(text="<html>proxy</html>", content_type="text/html", status=502)

    app = web.Application()
    app.router.add_get("/{tail:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    async with Session.local(tmp_path / "s") as session:
        with pytest.raises(ProblemError) as told:
            await session.health()
    assert told.value.code == "client.answer-unexpected"
    await runner.cleanup()
