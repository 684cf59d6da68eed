"""`wardbox audit archive` and `archives` against a box whose log has a closed segment of long ago."""

import argparse
import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from appliance.audit.postings import SEGMENT
from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from tests.appliance.api.box import live_box
from tests.appliance.api.test_slot_routes import ask
from tests.appliance.audit.conftest import note

pytestmark = pytest.mark.slow


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        await asyncio.to_thread(fill, one.log)
        yield one


def fill(log):
    futures = [log.append(note(number)) for number in range(SEGMENT + 50)]
    futures[-1].result(60)
    while log.reader._rows.closed.extent().closed < SEGMENT:
        log.append(note(1)).result(60)
        log._writer.ask(close).result(60)


def close(scribe):
    while scribe.tend():
        pass


@pytest.fixture
def audit(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        COMMANDS["audit"].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(("audit", *words))
        args.environ = {"WARDBOX_STATE": "/nowhere"}
        status = await asyncio.to_thread(COMMANDS["audit"].run, args)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


async def test_old_entries_go_to_a_stick_and_searches_say_where(box, audit, tmp_path, monkeypatch):
    status, told, _ = await audit("archives")
    assert (status, "every entry is on the box" in told) == (0, True)
    status, _, said = await audit("archive", "--out", str(tmp_path / "stick"))
    assert status == 1
    assert "no entries are older than 2190 days" in said
    status, _, said = await audit("archive", "--out", str(tmp_path / "stick"), "--days", "100")
    assert status == 1
    assert "183" in said
    # Seven years later.
    now = box.front.clock
    monkeypatch.setattr(box.front, "clock", lambda: now() + timedelta(days=2600))
    status, told, said = await audit("archive", "--out", str(tmp_path / "stick"))
    assert (status, said) == (0, "")
    assert f"Archived entries 0 to {SEGMENT - 1}" in told
    assert (tmp_path / "stick" / "verify.py").exists()
    status, told, _ = await audit("archives")
    assert "stick" in told
    status, _, said = await audit("search", "--request", "req_5")
    assert status == 0
    assert "Earlier entries are in archives: stick" in said
    status, page = await ask(box, "GET", "/api/v1/audit/proof/5")
    assert (status, page["index"]) == (200, 5)
    status, page = await ask(box, "POST", "/api/v1/audit/verify")
    assert page["ok"]
