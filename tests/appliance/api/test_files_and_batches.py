"""Files and batches over the wire, with the official client and with hostile forms."""

import asyncio
import json

import openai
import pytest

from appliance.api.errors import FormMalformed
from appliance.api.multipart import Form
from appliance.batches.kept import KeptResponse

pytestmark = pytest.mark.asyncio(loop_scope="module")
BODY = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 4}


def lines(count, **changes):
    made = (
        {"custom_id": f"c{n}", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
        for n in range(count)
    )
    return "".join(json.dumps({**one, **changes}) + "\n" for one in made).encode()


async def test_a_file_goes_in_and_comes_out(client):
    sent = await client.files.create(file=("病历.jsonl", lines(2)), purpose="batch")
    assert (sent.filename, sent.purpose, sent.status) == ("病历.jsonl", "batch", "processed")
    assert (await client.files.retrieve(sent.id)).bytes == len(lines(2))
    assert (await client.files.content(sent.id)).content == lines(2)
    assert sent.id in [one.id async for one in client.files.list(limit=1)]
    assert (await client.files.delete(sent.id)).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        await client.files.retrieve(sent.id)
    assert caught.value.code == "file.unknown"


async def test_a_file_that_is_deleted_while_it_is_sent_is_sent_whole(shared_box, client):
    """Found by the fuzz: it was opened after the head had left, and the answer broke off."""
    sent = await client.files.create(file=("a.jsonl", lines(2)), purpose="batch")
    files, grant = shared_box.services.files, shared_box.services.access.authenticate
    owner = grant(shared_box.bearer["Authorization"]).actor
    pieces = files.content(owner, sent.id)
    files.delete(owner, sent.id)
    assert b"".join(pieces) == lines(2)
    gone = await client.files.create(file=("a.jsonl", lines(2)), purpose="batch")
    files.path(files.get(owner, gone.id)).unlink()
    with pytest.raises(openai.NotFoundError):
        await client.files.content(gone.id)


async def test_a_batch_runs_through_the_boxs_own_gateway(shared_box, client):
    sent = await client.files.create(
        file=("a.jsonl", lines(3)),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert sent.expires_at == sent.created_at + 3600
    batch = await client.batches.create(
        input_file_id=sent.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"ward": "3"},
    )
    async with asyncio.timeout(30):
        while batch.status not in {"completed", "failed"}:
            await asyncio.sleep(0.05)
            batch = await client.batches.retrieve(batch.id)
    assert batch.status == "completed"
    assert (batch.request_counts.completed, batch.metadata) == (3, {"ward": "3"})
    assert batch.usage.output_tokens == 24
    text = (await client.files.content(batch.output_file_id)).text
    answers = [json.loads(one) for one in text.splitlines()]
    assert {one["custom_id"] for one in answers} == {"c0", "c1", "c2"}
    body = answers[0]["response"]["body"]
    assert body["choices"][0]["message"]["content"]
    records = [e for e in shared_box.entries("model:completion:answer")
               if e.request_id == answers[0]["response"]["request_id"]]  # fmt: skip
    assert records[0].details["receipt"] == body["receipt"]
    assert records[0].actor.startswith("key:")
    assert batch.id in [one.id async for one in client.batches.list(limit=1)]
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


async def test_a_batch_that_cannot_be_tells_its_lines(client):
    sent = await client.files.create(file=("a.jsonl", lines(1, url="/x")), purpose="batch")
    batch = await client.batches.create(
        input_file_id=sent.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    async with asyncio.timeout(30):
        while batch.status != "failed":
            await asyncio.sleep(0.05)
            batch = await client.batches.retrieve(batch.id)
    assert batch.errors.data[0].line == 1
    with pytest.raises(openai.UnprocessableEntityError):
        await client.batches.create(
            input_file_id=sent.id, endpoint="/v1/nothing", completion_window="24h"
        )


async def test_every_id_is_its_owners_alone(shared_box, client):
    sent = await client.files.create(file=("a.jsonl", lines(1)), purpose="batch")
    batch = await client.batches.create(
        input_file_id=sent.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    kept = KeptResponse("resp_0123456789abcdef", b"[]", b'{"id":"resp_0123456789abcdef"}')
    who = shared_box.services.access.authenticate(f"Bearer {shared_box.key}")
    await asyncio.to_thread(shared_box.services.responses.keep, who.actor, kept)
    paths = [
        ("GET", f"/v1/files/{sent.id}"),
        ("GET", f"/v1/files/{sent.id}/content"),
        ("DELETE", f"/v1/files/{sent.id}"),
        ("GET", f"/v1/batches/{batch.id}"),
        ("POST", f"/v1/batches/{batch.id}/cancel"),
        ("GET", f"/v1/responses/{kept.id}"),
        ("POST", f"/v1/responses/{kept.id}/cancel"),
        ("DELETE", f"/v1/responses/{kept.id}"),
    ]
    for headers, status in (
        (shared_box.make_key("chat"), 404),
        (shared_box.make_key("models:read"), 403),
        ({}, 401),
    ):
        for method, path in paths:
            async with shared_box.http.request(
                method, shared_box.url + path, headers=headers
            ) as answer:
                assert answer.status == status, (method, path)
    assert (await client.responses.retrieve(kept.id)).id == kept.id


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 400),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"garbage", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello', 400),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n--x--', 422),
        ("multipart/form-data; boundary=x",
         (b'--x\r\nContent-Disposition: form-data; name="path"\r\n\r\n/etc\r\n'
          b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nhello\r\n--x--'), 422),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 4000, 400),
    ],
)  # fmt: skip
async def test_a_form_that_is_none_is_refused(shared_box, content_type, body, status):
    headers = {**shared_box.bearer, "Content-Type": content_type}
    url = f"{shared_box.url}/v1/files"
    async with shared_box.http.post(url, data=body, headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"]


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
    b"one\r\n--bone\r\n-\r\n--\r\n\x00\r\n\r\n--b--\r\nepilogue"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
async def test_a_form_reads_the_same_however_it_is_cut(size):
    # A line of the file that begins like the boundary is refused, as it would end the part.
    content = bytearray()
    form = Form("multipart/form-data; boundary=b", content.extend)
    body = FORM.replace(b"--bone", b"--one")
    for start in range(0, len(body), size):
        form.feed(body[start : start + size])
    form.close()
    assert bytes(content) == b"one\r\n--one\r\n-\r\n--\r\n\x00\r\n"
    assert (form.fields, form.filename) == ({"purpose": "batch"}, "a.jsonl")
    with pytest.raises(FormMalformed):
        Form("multipart/form-data; boundary=b", content.extend).feed(FORM)
