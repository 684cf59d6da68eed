"""Routes of witnesses and forwarding: who may, what is shown, and what strange bodies get."""

import asyncio

from appliance.client.session import Session
from appliance.contract.outside import BroughtNote
from secure_compute.note import Checkpoint, Note, NoteKey, verify_note
from secure_compute.signing import SigningKey
from tests.appliance.api.box import LiveBox, live_box

URL = "/api/v1/audit"


async def test_cosigned_checkpoints_are_shown_with_every_cosignature(box: LiveBox) -> None:
    for _ in range(3):
        await asyncio.to_thread(box.make_key, "chat")
        await asyncio.to_thread(box.services.outside.witnesses.cosign)
    async with Session.local(box.socket) as session:
        page = await session.watchers.checkpoints(limit=2)
        more = await session.watchers.checkpoints(before=page.next_before, limit=2)
        second = (await session.watchers.witnesses()).second
    sizes = [one.size for one in (*page.checkpoints, *more.checkpoints)]
    assert sizes == sorted(set(sizes), reverse=True)
    assert len(sizes) >= 3
    key = NoteKey.parse(second.key or "")
    for one in page.checkpoints:
        note = Note.parse(one.note.encode())
        assert Checkpoint.parse(note.text).size == one.size
        assert len(verify_note(note, [key, box.log.note_key])) == 2
        assert [by.key for by in one.by] == [second.key]


async def test_readers_read_auditors_carry_and_only_the_vaults_people_decide(box: LiveBox) -> None:
    witness = NoteKey("w", SigningKey.generate().verify_key, 4).vkey
    wish = {"name": "host-b", "key": witness}
    asked = (
        ("GET", "/checkpoints", None, "audit:read"),
        ("GET", "/witnesses", None, "audit:read"),
        ("GET", "/forwarding", None, "audit:read"),
        ("POST", "/witnesses", wish, "vault:write"),
        ("POST", "/witnesses/offers", None, "audit:export"),
        ("POST", "/witnesses/cosignatures", {"notes": []}, "audit:export"),
        ("POST", "/witnesses/second-key", None, "vault:write"),
        ("DELETE", "/witnesses/host-b", None, "vault:write"),
    )
    stranger = await asyncio.to_thread(box.make_key, "chat")
    for method, path, body, scope in asked:
        url = box.url + URL + path
        async with box.http.request(method, url, json=body, headers=stranger) as answer:
            assert answer.status == 403, path
        key = await asyncio.to_thread(box.make_key, scope)
        async with box.http.request(method, url, json=body, headers=key) as answer:
            assert answer.status in {200, 201, 204}, (path, await answer.text())
    tags = await asyncio.to_thread(box.tags)
    assert {"audit:witness:add", "audit:witness:remove"} <= set(tags)


async def test_strange_bodies_are_sentences(box: LiveBox) -> None:
    for path, body in (
        ("/witnesses", {"name": "../x", "key": "x"}),
        ("/witnesses", {"name": "x", "key": ""}),
        ("/witnesses", {"name": "x", "key": "nonsense"}),
        ("/witnesses", {"name": "x", "key": box.log.note_key.vkey}),
        ("/witnesses", {"name": "x", "key": "x" * 600}),
        ("/witnesses/cosignatures", {"notes": [{"name": "x", "note": "y" * 200_000}]}),
        ("/witnesses/cosignatures", {"notes": [{"name": "x", "note": "y"}] * 65}),
        ("/witnesses/cosignatures", {"notes": [{"name": "", "note": "y"}]}),
    ):
        async with box.local.post("http://x" + URL + path, json=body) as answer:
            assert answer.status == 422, (path, await answer.text())
            assert (await answer.json())["detail"]
    for query in ("?limit=0", "?limit=201", "?before=-1", "?before=x"):
        async with box.local.get("http://x" + URL + "/checkpoints" + query) as answer:
            assert answer.status == 422
    async with box.local.get("http://x" + URL + "/checkpoints?before=0") as answer:
        assert (await answer.json())["checkpoints"] == []


async def test_what_comes_back_is_handed_in_by_portions(box: LiveBox) -> None:
    notes = [BroughtNote(name=f"{n}.txt", note="x" * 100_000) for n in range(9)]
    async with Session.local(box.socket) as session:
        taken = await session.watchers.take(notes)
        assert await session.watchers.take([]) == ()
    assert [one.name for one in taken] == [one.name for one in notes]
    assert not any(one.ok for one in taken)


async def test_forwarding_set_up_wrongly_is_told_and_stops_nothing(tmp_path) -> None:
    sections = {"forward": {"host": "siem.hospital.cn", "ca_file": "trust/none.pem"}}
    async with live_box(tmp_path, sections=sections) as box:
        async with Session.local(box.socket) as session:
            now = await session.watchers.forwarding()
        assert now.state == "misconfigured"
        assert now.reason is not None
        assert "none.pem" in now.reason.en
        async with box.local.post("http://x" + URL + "/forwarding/test") as answer:
            assert answer.status == 409
            assert (await answer.json())["code"] == "forward.misconfigured"
        facts = await box.front.watch.facts()
        assert facts.forward is not None
        assert facts.forward.misconfigured
        assert facts.witnesses is not None


async def test_off_is_off(box: LiveBox) -> None:
    async with Session.local(box.socket) as session:
        now = await session.watchers.forwarding()
    assert (now.state, now.target, now.behind) == ("off", "", 0)
    assert (await box.front.watch.facts()).forward is None
