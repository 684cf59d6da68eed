"""Behind the record of a whole box: a note is read again, its patient forgotten, the log stays valid."""

import hashlib
import json
import re
import ssl

import aiohttp
import pytest

from tests.box.conftest import ROOT
from tests.box.test_whole_box import make_key

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]


@pytest.fixture
def facts(tmp_path):
    """A patient of these tests alone: whom they forget stays forgotten."""
    told = json.loads((ROOT / "docs/examples/cataract.json").read_text(encoding="utf-8"))
    told["patient"].pop("id_number")
    told["patient"]["admission_no"] = "ZY-FORGET-1"
    told["patient"]["name"] = "周忘言"
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return path


def drafted(box, facts):
    told = box.run("draft", "admission-note", "--facts", str(facts), "--json").stdout
    return json.loads(told)


def test_a_note_is_read_again_its_patient_forgotten_and_the_record_stays_valid(
    box, facts, tmp_path
):
    note = drafted(box, facts)
    body = json.loads(box.run("audit", "body", note["receipt"], "--json").stdout)
    assert body["answer"]["text"] == note["note"]["text"]
    assert "周忘言" in body["extract"]["text"]
    assert "周忘言" not in body["prompt"]["text"]
    receipt = json.loads(box.run("audit", "receipt", note["receipt"]).stdout)
    assert receipt["body"] == "kept"
    assert receipt["patient"] == body["patient"]
    (entry,) = [
        json.loads(line)
        for line in box.run("audit", "tail", "--json", "--tag", "specialist:*").stdout.splitlines()
        if note["receipt"] in line
    ]
    for name in ("prompt", "answer", "extract"):
        salted = bytes.fromhex(body["salt"]) + body[name]["text"].encode()
        assert hashlib.sha256(salted).hexdigest() == entry["details"][f"{name}_hash"]
    assert "周忘言" in box.run("audit", "body", str(entry["index"]), "--part", "answer").stdout

    certificate = tmp_path / "forgotten.cert"
    said = box.run(
        "audit", "forget", "--patient", "-", "--yes", "--certificate", str(certificate),
        given="ZY-FORGET-1\n",
    ).stdout  # fmt: skip
    assert "ZY-FORGET-1" in said
    refused = box.run("audit", "body", note["receipt"], check=False)
    assert refused.returncode == 1
    assert "body.forgotten" in refused.stderr
    assert re.search(r"密钥于 \d{4}-\d\d-\d\d", refused.stderr)
    assert json.loads(box.run("audit", "receipt", note["receipt"]).stdout)["body"] == "forgotten"
    assert box.run("audit", "verify").returncode == 0
    assert "audit:patient:forget" in box.run("audit", "tail").stdout
    held = box.run("vault", "certificate", str(certificate)).stdout
    assert "ZY-FORGET-1" in held
    assert f"patient:{receipt['patient']}" in held

    # The patient may come again; nothing of them is kept any more.
    later = drafted(box, facts)
    assert json.loads(box.run("audit", "receipt", later["receipt"]).stdout)["body"] == "forgotten"
    again = box.run("audit", "forget", "--patient", "ZY-FORGET-1", "--yes", check=False)
    assert "vault.subject-erased" in again.stderr


def test_nothing_of_it_lies_in_the_clear_and_a_kill_loses_none_of_it(box, facts):
    told = json.loads(facts.read_text(encoding="utf-8"))
    told["patient"]["admission_no"] = "ZY-KEPT-2"
    facts.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    note = drafted(box, facts)
    for path in (box.state / "vault").glob("bodies.db*"):
        content = path.read_bytes()
        assert "周忘言".encode() not in content
        assert b"ZY-KEPT-2" not in content
    assert (box.state / "vault/bodies.db").exists()
    box.run("vault", "lock")
    assert "vault.locked" in box.run("audit", "body", note["receipt"], check=False).stderr
    box.run("vault", "unlock", given=box.secrets["recovery"] + "\n")
    assert "周忘言" in box.run("audit", "body", note["receipt"], "--part", "answer").stdout
    unknown = box.run("audit", "forget", "--patient", "nobody", "--yes", check=False)
    assert "vault.subject-unknown" in unknown.stderr


async def test_what_applications_ask_over_tls_is_kept_whole_and_in_streams(box):
    key = make_key(box)
    url = f"https://localhost:{box.port}/v1/chat/completions"
    named = {"Authorization": f"Bearer {key}", "X-WardBox-Patient": "ZY-TLS-3"}
    trusted = ssl.create_default_context(cafile=box.state / "trust/ca.pem")
    wish = {"messages": [{"role": "user", "content": "右眼视物模糊"}], "max_tokens": 12}
    receipts = []
    async with aiohttp.ClientSession() as session:
        for stream in (False, True):
            told = {**wish, "stream": stream}
            async with session.post(url, json=told, headers=named, ssl=trusted) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
                receipts.append(answer.headers["X-WardBox-Receipt"])
    for receipt in receipts:
        body = json.loads(box.run("audit", "body", receipt, "--json").stdout)
        assert "右眼视物模糊" in body["prompt"]["text"]
        assert body["answer"]["text"]
        assert not body["answer"]["cut"]
    box.run("audit", "forget", "--patient", "ZY-TLS-3", "--yes")
    for receipt in receipts:
        assert "body.forgotten" in box.run("audit", "body", receipt, check=False).stderr
    assert box.run("audit", "verify").returncode == 0
