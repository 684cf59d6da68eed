"""Growing over HTTP: who may ask for it, and what is answered while the box serves."""

from appliance.client.session import Session
from tests.appliance.api.box import LiveBox


async def test_growing_takes_the_right_and_answers_with_the_space(box: LiveBox) -> None:
    box.front.layout.vault.mkdir(exist_ok=True)
    url = box.url + "/api/v1/storage/grow"
    async with box.http.post(url) as answer:
        assert answer.status == 401
    async with box.http.post(url, headers=box.make_key("chat")) as answer:
        assert answer.status == 403
    keeper = box.front.opened().space.keeper
    keeper.look()
    async with Session.local(box.socket) as session:
        assert (await session.storage.grow()).space.total == keeper.now.total
