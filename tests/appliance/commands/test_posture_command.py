"""Posture against a real box: `wardbox posture`, its routes, the report behind a receipt, and a vault that locks."""

import argparse
import asyncio
import json
from types import SimpleNamespace

import pytest

from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from appliance.posture.notice import clear_notice, leave_notice, notice
from appliance.posture.service import PostureRules
from appliance.settings.layout import StateLayout
from tests.appliance.api.box import live_box
from tests.appliance.posture.test_policy import STRICT, report


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        one.services.posture._rules = PostureRules(STRICT, "03:30", "0.1.0")
        yield one


@pytest.fixture
def wardbox(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        COMMANDS["posture"].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(["posture", *words])
        args.environ = {"WARDBOX_STATE": "/nowhere"}
        status = await asyncio.to_thread(COMMANDS["posture"].run, args)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def finds(box, **outcomes):
    box.services.posture._run = lambda: report(**outcomes)


async def ask(box, method, path):
    async with box.http.request(method, box.url + path, headers=box.bearer) as answer:
        return answer.status, json.loads(await answer.read())


async def test_what_is_found_what_follows_and_the_course(box, wardbox):
    finds(box, high="fail", low="pass")
    status, told, _ = await wardbox("check")
    assert status == 1
    assert "[high] m.high" in told
    assert "stop-training (m.high)" in told
    digest = box.services.posture.digest()
    finds(box, high="pass", low="unknown")
    status, told, _ = await wardbox("check")
    assert status == 2
    assert "followed" not in told
    finds(box, high="pass", low="pass")
    assert (await wardbox("check"))[0] == 0
    status, told, _ = await wardbox("--json", "show")
    assert json.loads(told)["followed"] == {"consequence": "nothing", "checks": []}
    assert status == 0
    status, told, _ = await wardbox("report", digest)
    assert status == 1
    assert "m.high" in told
    status, _, told = await wardbox("report", "0" * 64)
    assert status == 1
    assert "posture.unknown" in told
    _, told, _ = await wardbox("history")
    assert [line.split()[2] for line in told.splitlines()] == ["1/4", "0/4", "0/4"]
    assert digest[:12] in told
    _, told, _ = await wardbox("--json", "history", "--limit", "1")
    assert len(json.loads(told)["runs"]) == 1


async def test_the_routes(box):
    finds(box, high="fail", medium="unknown")
    status, body = await ask(box, "POST", "/api/v1/posture/check")
    assert status == 200
    assert body["followed"] == {"consequence": "stop-training", "checks": ["m.high"]}
    assert body["missing"] == ["m.high", "m.medium"]
    (check, _) = body["checks"]
    assert (check["level"], check["harm"]["en"]) == (1, "Harm")
    digest = body["summary"]["digest"]
    assert (await ask(box, "GET", f"/api/v1/posture/reports/{digest}"))[1] == body
    status, body = await ask(box, "GET", "/api/v1/posture/history?limit=5")
    (run,) = body["runs"]
    assert (run["digest"], run["reason"], run["unknown"]) == (digest, "asked", 1)
    for path, wanted in (
        (f"/api/v1/posture/reports/{'0' * 64}", 404),
        ("/api/v1/posture/reports/x", 422),
        ("/api/v1/posture/history?limit=0", 422),
        ("/api/v1/posture/history?limit=99999", 422),
    ):
        assert (await ask(box, "GET", path))[0] == wanted


async def test_a_critical_finding_locks_the_vault(box):
    finds(box, critical="fail")
    status, body = await ask(box, "POST", "/api/v1/posture/check")
    assert (status, body["followed"]["consequence"]) == (200, "lock-vault")
    await box.front._locking
    assert box.front.services is None
    assert not box.vault.is_open
    assert (await ask(box, "GET", "/api/v1/posture"))[1]["code"] == "vault.locked"
    # The reason is told to who stands at the machine, until somebody opens it.
    assert (await ask(box, "GET", "/api/v1/vault"))[1]["warnings"] == []
    async with box.local.get("http://x/api/v1/vault") as answer:
        (warning,) = (await answer.json())["warnings"]
    assert "m.critical" in warning["sentence"]
    assert "posture.accepted" in warning["way_out"]
    clear_notice(box.front.layout)
    assert box.front.vault_status().warnings == ()


def test_a_notice_that_somebody_wrote_is_inert(tmp_path):
    layout = StateLayout(tmp_path)
    assert notice(layout) is None
    leave_notice(layout, ("tpm.quote", "secure-boot.on"))
    assert "tpm.quote, secure-boot.on" in notice(layout).sentence
    layout.posture_lock.write_bytes(b"\x1b[31m ../x a.b " + bytes(9000))
    assert "\x1b" not in notice(layout).sentence
    assert "failed: a.b." in notice(layout).sentence
