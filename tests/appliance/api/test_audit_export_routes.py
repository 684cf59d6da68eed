"""Exports over REST: begun, watched, fetched as one file, taken away; and what is not allowed."""

import asyncio
import io
import json
import zipfile

from secure_compute.verifier.judge import main
from tests.appliance.api.test_routes import ask

EXPORTS = "/api/v1/audit/exports"


async def finished(box, begun):
    for _ in range(400):
        _, state = await ask(box, "GET", f"{EXPORTS}/{begun['id']}")
        if state["state"] not in {"waiting", "running"}:
            return state
        await asyncio.sleep(0.05)
    raise AssertionError(state)


async def test_an_export_is_begun_watched_fetched_and_taken_away(box, tmp_path):
    box.make_key("chat")
    wish = {"since": "2000-01-01", "tag": "access:*"}
    status, begun = await ask(box, "POST", EXPORTS, wish)
    assert status == 202, begun
    assert begun["since"].startswith("2000-01-01T00:00:00")
    state = await finished(box, begun)
    assert state["state"] == "done", state
    assert state["done"] == state["total"] > 0
    assert state["entries"] >= 1
    status, page = await ask(box, "GET", EXPORTS)
    assert [one["id"] for one in page["exports"]] == [begun["id"]]
    url = f"{box.url}{EXPORTS}/{begun['id']}/download"
    async with box.http.get(url, headers=box.bearer) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].endswith('.zip"')
        data = await answer.read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(archive.read(name))
    folder = tmp_path / begun["id"]
    assert main([str(folder), "--remember", str(tmp_path / "m"), "--deep"]) == 0
    tags = {
        json.loads(line)["tag"] for line in (folder / "entries.ndjson").read_bytes().splitlines()
    }
    assert all(tag.startswith("access:") for tag in tags)
    status, _ = await ask(box, "DELETE", f"{EXPORTS}/{begun['id']}")
    assert status == 204
    status, gone = await ask(box, "GET", f"{EXPORTS}/{begun['id']}")
    assert (status, gone["code"]) == (404, "audit.export-unknown")


async def test_what_cannot_be_exported_is_told(box, tmp_path):
    for wish, code in (
        ({"since": "soon"}, "audit.time-invalid"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "audit.time-invalid"),
        ({"until": "1999-01-01"}, "audit.export-empty"),
        ({"first": 10**6}, "audit.export-refused"),
        ({"patient": " x"}, "body.patient-invalid"),
        ({"formats": ["pdf"]}, "request.field-refused"),
        ({"out": str(tmp_path / "x")}, "access.local-only"),
    ):
        status, body = await ask(box, "POST", EXPORTS, wish)
        assert 400 <= status < 500, body
        assert body["code"] == code
    status, begun = await ask(box, "POST", EXPORTS, {"patient": "P0042", "formats": []})
    state = await finished(box, begun)
    assert state["state"] == "failed"
    assert "No audit entry" in state["sentence"]
    assert state["way_out"]
    status, body = await ask(box, "GET", f"{EXPORTS}/{begun['id']}/download")
    assert (status, body["code"]) == (409, "audit.export-unfinished")
    status, body = await ask(box, "DELETE", f"{EXPORTS}/nothing")
    assert (status, body["code"]) == (404, "audit.export-unknown")


async def test_the_patient_of_the_hospital_is_exported_under_the_pseudonym(box):
    status, begun = await ask(box, "POST", EXPORTS, {"patient": "P0042", "formats": []})
    assert status == 202
    await finished(box, begun)
    _, page = await ask(box, "GET", "/api/v1/audit/entries?tag=audit:log:export&limit=1")
    details = page["entries"][0]["details"]
    assert len(details["patient"]) == 32
    assert "P0042" not in json.dumps(page)
    _, again = await ask(box, "GET", f"/api/v1/audit/entries?patient={details['patient']}")
    assert len(again["entries"]) == 1


async def test_bodies_want_a_permission_of_their_own(box):
    reader = box.make_key("audit:read", "audit:export")
    status, body = await ask(box, "POST", EXPORTS, {"bodies": True}, headers=reader)
    assert (status, body["code"]) == (403, "access.forbidden")
    status, body = await ask(box, "POST", EXPORTS, {"formats": []}, headers=reader)
    assert status == 202
    assert (await finished(box, body))["state"] == "done"
