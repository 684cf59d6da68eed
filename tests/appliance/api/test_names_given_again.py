"""Whoever gets the name of somebody who has left gets nothing else of theirs."""

import httpx

from appliance.batches.kept import KeptResponse
from appliance.client.session import Session
from appliance.contract.access import UserWish

PASSWORD = "a long password indeed 7"
RESPONSE = "resp_0123456789abcdef"


async def test_files_and_responses_do_not_go_to_the_next_of_the_name(box):
    async with Session.local(box.socket) as local, httpx.AsyncClient(base_url=box.url) as http:

        async def signed_in():
            told = await http.post("/api/v1/sessions", json={"name": "li", "password": PASSWORD})
            http.headers["authorization"] = f"Bearer {told.json()['token']}"

        async def seen():
            listed = (await http.get("/v1/files")).json()["data"]
            return (
                [one["id"] for one in listed],
                (await http.get(f"/v1/files/{sent}")).status_code,
                (await http.get(f"/v1/responses/{RESPONSE}")).status_code,
            )

        await local.create_user(UserWish(name="li", password=PASSWORD, role="clinician"))
        await signed_in()
        form = {"file": ("notes.txt", b"about a patient"), "purpose": (None, "user_data")}
        sent = (await http.post("/v1/files", files=form)).json()["id"]
        kept = KeptResponse(RESPONSE, b"[]", b"{}")
        box.services.responses.keep("user:li", kept)
        assert await seen() == ([sent], 200, 200)
        await local.access.remove_user("li")
        await local.create_user(UserWish(name="li", password=PASSWORD, role="clinician"))
        await signed_in()
        assert await seen() == ([], 404, 404)
        (file,) = box.services.files.every(10)
        assert (file.id, file.owner.partition("/")[0]) == (sent, "user:li")
