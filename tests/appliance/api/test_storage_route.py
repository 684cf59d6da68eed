"""The storage as clients see it: back end and why, suite, space; for those who may read the system."""

import pytest

from appliance.client.session import Session
from tests.appliance.api.box import LiveBox
from tests.appliance.api.test_routes import ask


@pytest.mark.asyncio(loop_scope="module")
async def test_back_end_suite_and_space_are_told(shared_box: LiveBox) -> None:
    keeper = shared_box.front.opened().space.keeper
    async with Session.local(shared_box.socket) as session:
        assert (await session.storage.look()).space.areas == ()
        shared_box.front.layout.vault.mkdir(exist_ok=True)
        keeper.look()
        seen = await session.storage.look()
    assert (seen.backend, seen.suite) == ("embedded", "international")
    assert "backend" in {one.subject for one in seen.findings}
    assert all(one.told.zh and one.told.en for one in seen.findings)
    assert seen.space.total > seen.space.free > 0
    assert {area.name for area in seen.space.areas} >= {"shelf", "datasets", "jobs", "audit"}


async def test_a_locked_box_tells_nothing_of_it(box: LiveBox) -> None:
    await box.front.lock("test")
    status, told = await ask(box, "GET", "/api/v1/storage", local=True)
    assert (status, told["code"]) == (503, "vault.locked")
