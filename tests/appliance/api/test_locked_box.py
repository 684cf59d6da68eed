"""A locked box: over the whole table of routes nothing answers but health, the vault's state and unlock."""

import asyncio

import pytest

from appliance.api.examples import BODIES, PARTS
from appliance.errors import VaultLocked

OPEN = {
    ("get", "/api/v1/system/health"),
    ("get", "/api/v1/vault"),
    ("post", "/api/v1/vault/unlock"),
}
LOCALLY = OPEN | {("get", "/metrics")}


def asked(document):
    """Method, path and body of every operation, as its examples say."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            filled = path
            for name, value in PARTS.items():
                filled = filled.replace("{" + name + "}", str(value))
            content = operation.get("requestBody", {}).get("content", {})
            body = next((one.get("example") for one in content.values()), None)
            yield method, path, filled, body


@pytest.mark.slow
async def test_every_route_of_a_locked_box_says_so(box):
    operations = list(asked(box.app.openapi()))
    assert len(operations) > 100
    assert BODIES
    await box.front.lock("test")
    answers = {}
    # Over the network with a key that was good, and on the machine itself, where nobody is asked for one.
    ways = ((box.http, box.url, box.bearer, OPEN), (box.local, "http://x", {}, LOCALLY))
    for session, base, headers, free in ways:
        for method, path, filled, body in operations:
            if (method, path) in free:
                continue
            sent = session.request(method, base + filled, json=body, headers=headers)
            async with sent as answer:
                told = await answer.text()
            answers[method, path, answer.status] = told
            assert answer.status >= 400, (method, path, told)
            assert "vault.locked" in told or answer.status in {400, 422}, (method, path, told)
    unclear = {key[:2] for key in answers if key[2] in {400, 422}}
    # Only what cannot be a request at all is refused before it is asked whether the box is open.
    assert len(unclear) < 25, unclear


async def test_warnings_are_told_on_the_machine_alone(box):
    from appliance.vault.outcome import FOREIGN, VaultStatus

    await box.front.lock("test")
    box.vault.status = lambda: VaultStatus("locked", "embedded", ("passphrase",), (FOREIGN,))
    async with box.local.get("http://x/api/v1/vault") as answer:
        assert "another machine" in (await answer.json())["warnings"][0]["sentence"]
    async with box.http.get(f"{box.url}/api/v1/vault") as answer:
        assert (await answer.json())["warnings"] == []


async def test_nobody_opens_it_by_asking_often(box):
    await box.front.lock("test")

    async def attempt(number):
        body = {"secret": f"guess {number}"}
        async with box.http.post(f"{box.url}/api/v1/vault/unlock", json=body) as answer:
            return answer.status

    assert set(await asyncio.gather(*(attempt(n) for n in range(20)))) <= {401, 429}
    assert box.front.services is None


async def test_secrets_refused_at_a_locked_door_are_on_the_record_once_it_opens(box, monkeypatch):
    services = box.front.services
    with monkeypatch.context() as locked:
        locked.setattr(box.front, "services", None)
        for secret in ("wrong", "wrong again"):
            sent = box.http.post(f"{box.url}/api/v1/vault/unlock", json={"secret": secret})
            async with sent as answer:
                assert answer.status == 401
    assert not box.entries("vault:root:refuse")
    # What `_open` does once the services are there.
    await box.front._tell_refused(services, "box")
    await box.front._tell_refused(services, "box")
    assert [told.details for told in box.entries("vault:root:refuse")] == [{"count": 2}]


async def test_a_tail_that_a_lock_ends_says_that_the_box_is_locked(box):
    async with box.http.get(box.url + "/api/v1/audit/live", headers=box.bearer) as answer:
        assert await answer.content.readline() == b": open\n"
        await box.front.lock("test")
        rest = await asyncio.wait_for(answer.content.read(), 60)
    assert b"event: error" in rest
    assert b"vault.locked" in rest


async def test_a_key_that_opens_nothing_waits_for_no_person(box, monkeypatch):
    """A release that cannot open the box with the key at hand: whoever tries it must not wait for an unlock."""

    async def told():
        async with box.local.get("http://x/api/v1/system/health") as answer:
            health = await answer.json()
        return health["status"], health["vault"]

    async def refused(_opened):
        raise VaultLocked

    await box.front.lock("test")
    assert await told() == ("locked", "locked")
    monkeypatch.setattr(box.front, "_build", refused)
    monkeypatch.setattr(box.vault, "close", box.vault.lock)
    box.vault.is_open = True
    with pytest.raises(VaultLocked):
        await box.front.start()
    assert await told() == ("degraded", "locked")
