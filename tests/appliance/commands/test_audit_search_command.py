"""`wardbox audit search` against a box: every filter, pages, JSON, and words that are no times."""

import argparse
import asyncio
import json
from types import SimpleNamespace

import pytest

from appliance.audit.event import Event
from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from tests.appliance.api.box import live_box


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        for number in range(30):
            details = {"patient": f"p-{number % 3}", "model": "m"}
            event = Event("dataset:record:read", f"key:{number % 2}", "d", f"req_{number}", details)
            await one.log.record(event)
        yield one


@pytest.fixture
def search(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str) -> tuple[int, list[str], str]:
        parser = argparse.ArgumentParser()
        COMMANDS["audit"].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(("audit", "search", *words))
        args.environ = {"WARDBOX_STATE": "/nowhere"}
        status = await asyncio.to_thread(COMMANDS["audit"].run, args)
        told = capsys.readouterr()
        return status, told.out.splitlines(), told.err

    return run


async def test_filters_hold_together_and_pages_follow_each_other(search):
    wanted = ("--patient", "p-1", "--actor", "key:1", "--model", "m", "--tag", "dataset:*")
    status, lines, said = await search(*wanted, "--limit", "3", "--json")
    entries = [json.loads(line) for line in lines]
    assert status == 0
    assert [entry["request_id"] for entry in entries] == ["req_25", "req_19", "req_13"]
    assert f"--after {entries[-1]['index']}" in said
    _, lines, said = await search(*wanted, "--after", str(entries[-1]["index"]), "--json")
    assert [json.loads(line)["request_id"] for line in lines] == ["req_7", "req_1"]
    assert "--after" not in said


async def test_times_are_days_or_moments(search):
    status, lines, _ = await search("--from", "2020-01-01", "--to", "2099-12-31", "--limit", "1000")
    assert status == 0
    assert sum("dataset:record:read" in line for line in lines) == 30
    _, lines, said = await search("--to", "2020-01-01T00:00:00+08:00")
    assert lines == []
    assert "No entry meets this" in said
    _, lines, _ = await search("--request", "req_4")
    assert len(lines) == 1


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-03-01T08:00:00", "1", ""])
async def test_what_is_no_time_is_refused_with_an_example(search, capsys, text):
    with pytest.raises(SystemExit):
        await search("--from", text)
    assert "2026-03-01" in capsys.readouterr().err


async def test_a_page_that_is_none_is_refused_in_a_sentence(search):
    status, lines, said = await search("--limit", "5000")
    assert status == 1
    assert lines == []
    assert "limit" in said
