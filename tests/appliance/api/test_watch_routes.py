"""Metrics, events and alerts over real HTTP: who may see what, and when it ends."""

import asyncio
import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance.access.grants import KeyWish
from appliance.telemetry.rule import Finding, Rule
from tests.appliance.api.box import PASSPHRASE, LiveBox

MARKER = "患者张三的秘密"


async def events_of(answer, count: int) -> list[dict]:
    found: list[dict] = []
    ident = ""
    while len(found) < count:
        raw = await asyncio.wait_for(answer.content.readline(), 20)
        assert raw, f"the stream ended after {found}"
        line = raw.decode().rstrip("\n")
        if line.startswith("id: "):
            ident = line[4:]
        if line.startswith("data: "):
            found.append({**json.loads(line[6:]), "id": ident})
    return found


def always(severity: str = "warning") -> Rule:
    return Rule(
        "disk-low", severity, "z", "e", "z", "e", lambda _facts, _raised: (Finding("disk"),)
    )


def raise_one(box: LiveBox) -> None:
    service = box.front.watch.alerts
    service._rules = (always(),)


async def text_of(box: LiveBox, headers=None, *, local=False) -> tuple[int, str]:
    http, base = (box.local, "http://x") if local else (box.http, box.url)
    async with http.get(base + "/metrics", headers=headers or {}) as answer:
        return answer.status, await answer.text()


async def test_metrics_want_their_scope_and_hold_no_secret(box: LiveBox) -> None:
    assert (await text_of(box))[0] == 401
    assert (await text_of(box, box.make_key("chat")))[0] == 403
    box.front.watch.observed.answered(f"/x/{MARKER}", MARKER, 200, 0.1, None, 1, 1)
    status, text = await text_of(box, box.make_key("metrics"))
    assert status == 200
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"wardbox_requests", "wardbox_vault_state", "wardbox_disk_free_bytes"} <= names
    assert MARKER not in text
    assert box.key not in text
    assert box.key.partition(".")[0] not in text


async def test_the_local_socket_sees_metrics_of_a_locked_box(box: LiveBox) -> None:
    await box.front.lock("test")
    assert (await text_of(box, box.bearer))[0] == 503
    status, text = await text_of(box, local=True)
    assert status == 200
    assert 'wardbox_vault_state{state="locked"} 1.0' in text
    assert "wardbox_audit_entries" not in text


async def test_events_are_told_resumed_and_filtered(box: LiveBox) -> None:
    hub = box.front.watch.hub
    reader = box.make_key("system:read")
    async with box.http.get(box.url + "/api/v1/events", headers=reader) as answer:
        assert answer.status == 200
        await answer.content.readline()
        while not hub.followers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        hub.tell("job", "j1", {"state": "done"})
        hub.tell("alert", "1", {})
        hub.tell("engine", "m", {"state": "ready"})
        (first,) = await events_of(answer, 1)
    assert (first["event"], first["subject"]) == ("engine", "m")
    hub.tell("engine", "m", {"state": "failed"})
    headers = {**box.bearer, "Last-Event-ID": first["id"]}
    async with box.http.get(box.url + "/api/v1/events", headers=headers) as answer:
        (again,) = await events_of(answer, 1)
    assert again["data"] == {"state": "failed"}


async def test_a_key_for_one_model_hears_of_no_other(box: LiveBox) -> None:
    one = box.make_key("system:read", models=frozenset({"mine"}))
    hub = box.front.watch.hub
    hub.tell("engine", "x", {})
    headers = {**one, "Last-Event-ID": "nowhere-1"}
    async with box.http.get(box.url + "/api/v1/events", headers=headers) as answer:
        hub.tell("engine", "theirs", {})
        hub.tell("engine", "mine", {})
        found = await events_of(answer, 3)
    assert [one["subject"] for one in found] == ["", "vault", "mine"]


async def test_a_revoked_key_ends_its_stream_while_nothing_happens(box: LiveBox) -> None:
    made = box.services.access.create_key(KeyWish("t", frozenset({"system:read"})))
    headers = {"Authorization": f"Bearer {made.secret}"}
    async with box.http.get(box.url + "/api/v1/events", headers=headers) as answer:
        assert answer.status == 200
        await asyncio.to_thread(box.services.access.revoke_key, made.id)
        (last,) = await events_of(answer, 1)
        assert last["event"] == "ended"
        while not answer.content.at_eof():
            await asyncio.wait_for(answer.content.readline(), 20)


async def test_locking_is_the_last_that_is_told(box: LiveBox) -> None:
    async with box.http.get(box.url + "/api/v1/events", headers=box.bearer) as answer:
        while not box.front.watch.hub.followers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await box.front.lock("test")
        box.front.watch.hub.tell("engine", "m", {})
        told = await events_of(answer, 2)
    assert [(one["event"], one["data"]) for one in told] == [
        ("vault", {"state": "locked"}),
        ("ended", {}),
    ]


async def test_an_alert_is_raised_told_and_acknowledged_by_a_person(box: LiveBox) -> None:
    raise_one(box)
    await box.front.watch.judge()
    url = box.url + "/api/v1/alerts"
    async with box.http.get(url, headers=box.bearer) as answer:
        (alert,) = (await answer.json())["alerts"]
    assert (alert["rule"], alert["cleared"]) == ("disk-low", None)
    acknowledge = f"/api/v1/alerts/{alert['id']}/acknowledge"
    async with box.http.post(box.url + acknowledge, headers=box.bearer) as answer:
        assert answer.status == 403
        assert (await answer.json(content_type=None))["code"] == "alert.needs-person"
    async with box.local.post("http://x" + acknowledge) as answer:
        assert answer.status == 200
        assert (await answer.json())["acknowledged_by"] == "local:console"
    async with box.local.post("http://x/api/v1/alerts/99/acknowledge") as answer:
        assert answer.status == 404
    assert box.tags()[-2:] == ["alert:rule:raise", "alert:rule:acknowledge"]


async def test_a_key_that_has_nearly_used_its_day_is_told(box: LiveBox) -> None:
    access = box.services.access
    made = access.create_key(KeyWish("t", frozenset({"chat"}), tpd=1000, rpm=5))
    grant = access.authenticate(f"Bearer {made.secret}")
    access.admit(grant)
    access.meter(grant, "m", 900, 50)
    mine = []
    while not mine:
        # Those of this second were gathered before; so may those be that are gathered just now.
        box.front.watch._facts = None
        facts = await box.front.watch.facts()
        mine = [one for one in facts.quotas if one.key_id == made.id]
    (quota,) = mine
    assert (quota.limit, round(quota.used, 2)) == ("tokens/day", 0.95)


@pytest.mark.parametrize("path", ["/api/v1/alerts?state=odd", "/api/v1/alerts?limit=0"])
async def test_odd_questions_about_alerts_are_refused(box: LiveBox, path: str) -> None:
    async with box.http.get(box.url + path, headers=box.bearer) as answer:
        assert answer.status == 422


async def test_the_watch_outlives_a_fault_of_one_look(box: LiveBox, caplog) -> None:
    whole, looked = box.services.jobs.list, asyncio.Event()
    loop = asyncio.get_running_loop()

    def broken(*_):
        loop.call_soon_threadsafe(looked.set)
        raise ZeroDivisionError

    box.services.jobs.list = broken
    await asyncio.wait_for(looked.wait(), 20)
    looked.clear()
    await asyncio.wait_for(looked.wait(), 20)
    box.services.jobs.list = whole
    assert "watch" in [record.getMessage() for record in caplog.records]
    await box.front.watch.closed()


async def test_no_line_of_the_log_holds_what_was_asked(box: LiveBox, tmp_path) -> None:
    from appliance.settings.layout import StateLayout
    from appliance.settings.log import configure

    handler = configure(StateLayout(tmp_path), "debug")
    whole = box.services.jobs.list
    try:
        body = {"model": "wardbox-reference", "messages": [{"role": "user", "content": MARKER}]}
        bad = {**body, "temperature": MARKER}
        box.services.jobs.list = lambda *_: 1 / 0  # a fault inside, with a traceback
        for path, wish in (
            ("/v1/chat/completions", body),
            ("/v1/chat/completions", bad),
            ("/api/v1/jobs", {"kind": MARKER, "spec": {}}),
            (f"/api/v1/{MARKER}", {}),
        ):
            async with box.http.post(box.url + path, json=wish, headers=box.bearer) as answer:
                await answer.read()
        async with box.http.get(
            box.url + f"/api/v1/jobs?x={MARKER}", headers={**box.bearer, "X-Odd": "marker-in-head"}
        ) as answer:
            await answer.read()
        handler.flush()
        lines = StateLayout(tmp_path).log_file.read_text("utf-8")
    finally:
        # The box looks at its jobs by itself, too, while it closes.
        box.services.jobs.list = whole
        logging.getLogger().removeHandler(handler)
        handler.close()
        logging.raiseExceptions = True
    assert json.loads(lines.splitlines()[0])
    escaped = json.dumps(MARKER)[1:-1]
    for planted in (MARKER, escaped, "marker-in-head", box.key):
        assert planted not in lines


async def test_a_box_that_was_locked_and_opened_watches_again(box: LiveBox) -> None:
    assert box.front.watch._task is not None
    await box.front.watch.closed()
    assert box.front.watch._task is None
    await box.front.watch.opened(box.services)
    assert box.front.watch.alerts.raised() is not None
    assert PASSPHRASE  # the vault itself is tried elsewhere
