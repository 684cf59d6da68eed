"""Erasing a caller's file over REST: a real vault, a certificate, and nothing left that opens."""

from types import SimpleNamespace

import openai
import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.vault_keys import Erasure
from appliance.tuning.kind import Workshop
from appliance.tuning.sealed_chats import CHATS
from appliance.vault.errors import SubjectErased
from secure_compute.destruction import verify_destruction
from secure_compute.note import NoteKey
from tests.appliance.api.box import live_box
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm

ROWS = b'{"messages": "planted-row"}\n' * 100


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as made:
        vault_for(made.front, PaperTpm())
        yield made


def wish(file_id, **more):
    return Erasure(**{"kind": "dataset", "subject": file_id, "confirm": file_id, **more})


async def test_a_file_is_listed_erased_and_gone(box):
    async with (
        openai.AsyncOpenAI(base_url=f"{box.url}/v1", api_key=box.key, max_retries=0) as client,
        Session.local(box.socket) as local,
    ):
        sent = [
            (await client.files.create(file=("雪.jsonl", ROWS), purpose="user_data")).id
            for _ in range(2)
        ]
        rows = (await local.slots.keys.datasets()).datasets
        assert [row.id for row in rows] == sent[::-1]
        first = rows[1]
        assert (first.name, first.bytes, first.state) == ("雪.jsonl", len(ROWS), "sealed")
        assert first.algorithm == "aes-256-gcm"
        with pytest.raises(ProblemError) as caught:
            await local.slots.keys.erase(wish(sent[0], confirm=sent[1]))
        assert caught.value.code == "request.field-refused"
        made = await local.slots.keys.erase(wish(sent[0]))
        public = NoteKey.parse(box.front.layout.box_vkey.read_text().strip()).key
        key = NoteKey(box.front.settings.audit.origin, public)
        proof = verify_destruction(made.certificate.encode(), key)
        assert (proof.kind, proof.subject) == ("dataset", sent[0])
        assert proof.keys[0] == first.key
        with pytest.raises(openai.NotFoundError):
            await client.files.content(sent[0])
        assert (await client.files.content(sent[1])).read() == ROWS
        assert [row.id for row in (await local.slots.keys.datasets()).datasets] == sent[1:]
        with pytest.raises(ProblemError) as caught:
            await local.slots.keys.erase(wish(sent[0]))
        assert caught.value.code == "vault.subject-erased"
        with pytest.raises(ProblemError) as caught:
            await local.slots.keys.erase(wish("cataract-2026"))
        assert caught.value.code == "vault.subject-unknown"
    assert b"planted" not in b"".join(
        path.read_bytes() for path in (box.front.layout.root / "callers").iterdir()
    )
    assert [tag for tag in box.tags() if tag.startswith("vault:key")][:2] == [
        "vault:key:ask",
        "vault:key:done",
    ]


async def test_who_may_not_erase_sees_no_list(box):
    url = f"{box.url}/api/v1/vault/datasets"
    async with box.http.get(url, headers=box.make_key("chat")) as answer:
        assert answer.status == 403
        assert (await answer.json())["code"] == "access.forbidden"


async def test_what_is_read_is_not_erased(box):
    async with (
        openai.AsyncOpenAI(base_url=f"{box.url}/v1", api_key=box.key, max_retries=0) as client,
        Session.local(box.socket) as local,
    ):
        file_id = (await client.files.create(file=("a", ROWS), purpose="user_data")).id
        box.services.files.ask_who_learns(lambda one: "job_7" if one == file_id else None)
        with pytest.raises(ProblemError) as caught:
            await local.slots.keys.erase(wish(file_id))
        assert caught.value.code == "file.in-use"
        assert (await client.files.content(file_id)).read() == ROWS


async def test_a_training_that_is_resumed_after_the_erasure_says_why_it_cannot_go_on(box, tmp_path):
    files = box.services.files
    incoming = files.begin("user:li")
    incoming.write(ROWS)
    file = files.admit(incoming, "user:li", "a", "fine-tune")
    incoming.discard()
    workshop = Workshop(SimpleNamespace(), box.log, 1, None, files)
    spec = {"recipe": "adapter", "dataset": file.id, "base": "m", "boxes": 1}
    job = SimpleNamespace(id="job_1", spec=spec, actor="user:li")
    given = workshop.kind().spec(job, tmp_path)
    assert set(given["seal"]) == {"file", "key"}
    assert (tmp_path / CHATS).stat().st_nlink == 2
    async with Session.local(box.socket) as local:
        await local.slots.keys.erase(wish(file.id))
    with pytest.raises(SubjectErased, match=file.id):
        workshop.kind().spec(job, tmp_path)
    assert box.tags().count("file:content:use") == 1
