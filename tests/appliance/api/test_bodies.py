"""Bodies over real HTTP: named by a header, sealed behind every answer, read and forgotten on record."""

import hashlib
import json

from appliance.api.gateway import InnerGateway
from appliance.audit.receipts import resolve
from appliance.audit.verify import verify
from secure_compute.merkle import verify_inclusion
from secure_compute.note import verify_checkpoint
from tests.appliance.api.questions import CHAT, GOOD, post, raw_request
from tests.appliance.api.stand_ins import MODEL
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm

BODIES = "/api/v1/audit/bodies"


async def ask(box, patient=None, path=CHAT, **more):
    headers = {**box.bearer, **({} if patient is None else {"X-WardBox-Patient": patient})}
    async with box.http.post(box.url + path, json={**GOOD, **more}, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers.get("X-WardBox-Receipt")


async def body_of(box, which, headers=None):
    url = f"{box.url}{BODIES}/{which}"
    async with box.http.get(url, headers=headers or box.bearer) as answer:
        return answer, await answer.json()


def agrees(box, receipt, view):
    details = resolve(box.log.reader, receipt).details
    salt = bytes.fromhex(view["salt"])
    for name in ("prompt", "answer"):
        made = hashlib.sha256(salt + view[name]["text"].encode()).hexdigest()
        assert made == details[f"{name}_hash"], name
    return details


async def test_what_was_asked_and_answered_is_read_again_and_has_the_entrys_hashes(box):
    status, whole, receipt = await ask(box, "P0042")
    assert status == 200
    answer, view = await body_of(box, receipt)
    assert answer.status == 200
    assert json.loads(view["prompt"]["text"])["messages"] == GOOD["messages"]
    assert view["answer"]["text"] == json.loads(whole)["choices"][0]["message"]["content"]
    details = agrees(box, receipt, view)
    assert details["body"] == "kept"
    assert details["patient"] == view["patient"]
    assert "P0042" not in json.dumps([event.details for event in box.entries("*")])
    by_index = (await body_of(box, view["index"]))[1]
    assert by_index["answer"] == view["answer"]
    assert [event.details["found"] for event in box.entries("audit:body:read")] == ["kept"] * 2


async def test_a_stream_is_kept_as_it_was_sent(box):
    status, text, receipt = await ask(box, stream=True)
    assert status == 200
    pieces = [json.loads(line[6:]) for line in text.decode().split("\n\n") if "{" in line]
    told = "".join(
        one["choices"][0]["delta"].get("content") or "" for one in pieces if one["choices"]
    )
    view = (await body_of(box, receipt))[1]
    assert view["answer"]["text"] == told
    assert view["patient"] is None
    agrees(box, receipt, view)


async def test_a_long_answer_is_cut_and_says_so(box):
    box.services.disclosure.keys._known.clear()
    object.__setattr__(box.services.disclosure.keys.rules, "limit", 16)
    for stream in (False, True):
        _, _, receipt = await ask(box, stream=stream)
        view = (await body_of(box, receipt))[1]
        assert view["prompt"]["cut"]
        assert view["answer"]["cut"]
        assert len(view["answer"]["text"].encode()) <= 16 < view["answer"]["bytes"]


async def test_vectors_are_not_kept_but_their_prompt_is(box):
    answer, told = await post(box, {"model": MODEL, "input": ["患者"]}, "/v1/embeddings")
    assert answer.status == 200
    view = (await body_of(box, told["receipt"]))[1]
    assert "患者" in view["prompt"]["text"]
    assert view["answer"] is None


async def test_a_receipt_tells_what_became_of_its_body(box):
    _, _, receipt = await ask(box, "P0042")
    url = f"{box.url}/api/v1/audit/receipts/{receipt}"

    async def told():
        async with box.http.get(url, headers=box.bearer) as answer:
            return await answer.json()

    before = await told()
    assert (before["body"], len(before["patient"])) == ("kept", 32)
    assert {"model_digest", "adapter_digest", "policy", "posture"} <= before.keys()
    head = verify_checkpoint(before["checkpoint"].encode(), box.log.note_key)
    path = [bytes.fromhex(part) for part in before["proof"]]
    leaf = bytes.fromhex(before["hash"])
    verify_inclusion(leaf, before["index"], head.size, path, head.root)
    box.services.disclosure.destroy("patient", "P0042")
    assert (await told())["body"] == "forgotten"


async def told_of(box, *headers):
    body = json.dumps(GOOD).encode()
    lines = (
        b"POST /v1/chat/completions HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        b"Authorization: " + box.bearer["Authorization"].encode(),
        b"Content-Length: %d" % len(body),
        *headers,
    )
    return await raw_request(box.port, b"\r\n".join((*lines, b"", body)))


async def test_a_patient_that_cannot_be_is_refused_and_never_asked_about(box):
    for patient in (" ", "x" * 129, "a\u200bb", "P\x7f1", "\u202eP1", "P1\u0085", "\x1b[2J"):
        answer = await told_of(box, b"X-WardBox-Patient: " + patient.encode())
        assert answer.split(b" ")[1] in {b"400", b"422"}, repr(patient)
    assert box.entries("model:completion:answer") == []
    assert box.services.disclosure.subjects.count("patient") == 0


async def test_bytes_that_are_no_text_and_two_patients_are_refused(box):
    named = b"X-WardBox-Patient: "
    for headers in ((named + b"\xff\xfe",), (named + b"a", named + b"b")):
        assert b"body.patient-invalid" in await told_of(box, *headers)
    answer = await told_of(box, named + "张三".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert box.services.disclosure.subjects.count("patient") == 1


async def test_reading_takes_a_scope_of_its_own(box):
    _, _, receipt = await ask(box)
    for scopes in (("audit:read", "audit:export"), ("chat",), ("vault:write",)):
        answer, told = await body_of(box, receipt, box.make_key(*scopes))
        assert (answer.status, told["code"]) == (403, "access.forbidden")
    answer, _ = await body_of(box, receipt, box.make_key("audit:bodies"))
    assert answer.status == 200
    assert len(box.entries("audit:body:read")) == 1


async def test_what_names_no_entry_is_refused(box):
    for which in ("rcp_x", "-1", "1e3", "../1", "9" * 40, "rcp_" + "0" * 30):
        answer, told = await body_of(box, which.replace("/", "%2F"))
        assert answer.status in {404, 422}, which
        assert told["code"]


async def test_forgetting_is_one_act_on_every_way(box):
    vault_for(box.front, PaperTpm())
    box.services = box.front.services
    mine = (await ask(box, "P0042"))[2]
    other = (await ask(box, "P0043"))[2]
    wish = {"patient": "P0042", "confirm": "P0042"}
    url = f"{box.url}/api/v1/audit/forget"

    async def forget(body, headers=None):
        async with box.http.post(url, json=body, headers=headers or box.bearer) as answer:
            return answer, await answer.json()

    async def refused(status, code, told):
        answer, body = await told
        assert (answer.status, body["code"]) == (status, code)

    await refused(422, "request.field-refused", forget({**wish, "confirm": "P0043"}))
    await refused(403, "access.forbidden", forget(wish, box.make_key("audit:bodies")))
    answer, told = await forget(wish)
    assert answer.status == 200, told
    assert '"kind":"patient"' in told["certificate"]
    await refused(410, "body.forgotten", body_of(box, mine))
    assert (await body_of(box, other))[0].status == 200
    (event,) = box.entries("audit:patient:forget")
    assert event.details["digest"] == told["digest"]
    assert event.details["bodies"] == 1
    assert {"vault:key:ask", "vault:key:done"} <= set(box.tags())
    assert verify(box.log.reader).ok
    status, _, later = await ask(box, "P0042")
    assert status == 200
    await refused(404, "body.not-kept", body_of(box, later))
    await refused(410, "vault.subject-erased", forget(wish))
    await refused(404, "vault.subject-unknown", forget({"patient": "P9", "confirm": "P9"}))
    await refused(422, "body.patient-invalid", forget({"patient": " P9", "confirm": " P9"}))


async def test_a_kept_response_about_a_patient_is_forgotten_with_them(box):
    async def respond(patient=None, **more):
        named = {} if patient is None else {"X-WardBox-Patient": patient}
        wish = {"model": MODEL, "input": "右眼白内障", "store": True, **more}
        url = f"{box.url}/v1/responses"
        async with box.http.post(url, json=wish, headers={**box.bearer, **named}) as answer:
            return answer.status, await answer.json()

    async def kept(ident):
        async with box.http.get(f"{box.url}/v1/responses/{ident}", headers=box.bearer) as answer:
            return answer.status

    (_, mine), (_, plain) = await respond("P0042"), await respond()
    with box.services.db.read() as db:
        rows = {row["id"]: row for row in db.query("SELECT * FROM kept_responses")}
    assert "右眼".encode() in rows[plain["id"]]["turns"]
    assert "右眼".encode() not in rows[mine["id"]]["turns"] + rows[mine["id"]]["response"]
    assert [await kept(one["id"]) for one in (mine, plain)] == [200, 200]
    assert (await respond("P0042", previous_response_id=mine["id"]))[0] == 200
    box.services.disclosure.destroy("patient", "P0042")
    assert [await kept(one["id"]) for one in (mine, plain)] == [404, 200]
    status, told = await respond(previous_response_id=mine["id"])
    assert (status, told["error"]["code"]) == (404, "response.unknown")
    status, later = await respond("P0042")
    assert (status, await kept(later["id"])) == (200, 404)


async def test_the_metadata_of_a_body_names_a_patient_where_no_header_does(box):
    subjects = box.services.disclosure.subjects
    names = {one: subjects.name("patient", one) for one in ("P1", "P2")}

    async def named(header=None, **metadata):
        status, text, _ = await ask(box, header, metadata=metadata)
        return status, box.entries("model:completion:answer")[0].details["patient"], text

    assert (await named(patient="P1"))[:2] == (200, names["P1"])
    assert (await named("P2", patient="P1"))[:2] == (200, names["P2"])
    assert (await named(other="P1"))[:2] == (200, None)
    for wrong in ("", " P1", "\u202eP1", "x" * 129):
        status, _, text = await named(patient=wrong)
        assert (status, "body.patient-invalid" in text.decode()) == (422, True)
    # A line of a batch comes from inside the box and has no header at all.
    gateway = InnerGateway(box.front.routes)
    line = json.dumps({**GOOD, "metadata": {"patient": "P1"}}).encode()
    told = await gateway.ask(box.services.access.local_grant(), CHAT, line)
    assert told.status == 200
    entry = box.entries("model:completion:answer")[0]
    assert entry.details["patient"] == names["P1"]
    kept = box.services.disclosure.find(entry.details)
    assert b"P1" not in kept.texts["prompt"]
