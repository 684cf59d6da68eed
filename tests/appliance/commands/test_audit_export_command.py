"""`wardbox audit export` against a box, and `verifier` without one: the same program everywhere."""

import argparse
import asyncio
import json
import sys
from types import SimpleNamespace

import pytest

from appliance.audit.event import Event
from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from installer.__main__ import main as installer_main
from secure_compute.verifier.judge import main
from secure_compute.verifier.single_file import verifier_source
from tests.appliance.api.box import live_box
from tests.appliance.api.test_slot_routes import ask


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        for number in range(20):
            event = Event("dataset:record:read", f"key:{number % 2}", "d", f"req_{number}")
            await one.log.record(event)
        yield one


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    COMMANDS["audit"].add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(("audit", *words))
    args.environ = {"WARDBOX_STATE": "/nowhere"}
    return args


@pytest.fixture
def audit(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(COMMANDS["audit"].run, parsed(*words))
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def export(audit):
    return lambda *words: audit("export", *words)


async def test_an_export_lies_where_it_was_asked_for_and_verifies(export, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    status, said, err = await export(
        "--out", str(out), "--from", "2020-01-01", "--actor", "key:1", "--formats", "fhir"
    )
    assert status == 0, err
    assert "Exported 10 entries" in said
    assert "2020-01-01 00:00:00" in said
    assert "the box's zone" in said
    assert main([str(out), "--remember", str(tmp_path / "m"), "--deep"]) == 0
    assert (out / "fhir/AuditEvent.ndjson").exists()
    assert not (out / "summary.html").exists()
    entries = [json.loads(line) for line in (out / "entries.ndjson").read_bytes().splitlines()]
    assert {entry["actor"] for entry in entries} == {"key:1"}
    status, _, err = await export("--out", str(out))
    assert status == 1
    assert "not an empty directory" in err


async def test_what_lies_on_the_box_is_listed_and_taken_away(box, audit):
    assert "There are no exports" in (await audit("exports"))[1]
    status, begun = await ask(box, "POST", "/api/v1/audit/exports", {"formats": []})
    assert status == 202, begun
    name = begun["id"]
    for _ in range(400):
        status, said, _ = await audit("exports")
        if "done" in said:
            break
        await asyncio.sleep(0.05)
    assert status == 0
    assert name in said
    assert f"until {begun['kept_until'][:10]}" in said
    status, said, _ = await audit("exports", "--remove", name)
    assert (status, name in said) == (0, True)
    status, _, err = await audit("exports", "--remove", name)
    assert status == 1
    assert err
    assert "There are no exports" in (await audit("exports"))[1]


async def test_what_cannot_be_is_a_sentence(export, tmp_path):
    out = tmp_path / "out"
    for words, told in (
        (("--from", "yesterday"), "cannot be understood"),
        (("--to", "1999-01-01"), "No audit entry meets"),
        (("--actor", "nobody", "--formats", "none"), "No audit entry meets"),
        (("--from", "2026-02-02", "--to", "2026-01-01"), "before the beginning"),
        (("--last", "99999"), "outside the log"),
    ):
        status, _, err = await export("--out", str(out), *words)
        assert status == 1
        assert told in err
        assert not out.exists()
    status, _, err = await export("--out", str(out), "--formats", "fhir,pdf")
    assert (status, "'pdf'" in err) == (2, True)


def test_the_verifier_is_the_same_from_the_box_and_from_its_vendor(tmp_path, capsysbinary):
    assert COMMANDS["audit"].run(parsed("verifier")) == 0
    assert capsysbinary.readouterr().out == verifier_source()
    assert installer_main(["vendor", "verifier"]) == 0
    assert capsysbinary.readouterr().out == verifier_source()
    box, vendor = tmp_path / "box.py", tmp_path / "vendor.py"
    assert COMMANDS["audit"].run(parsed("verifier", "--out", str(box))) == 0
    assert installer_main(["vendor", "verifier", "--out", str(vendor)]) == 0
    assert box.read_bytes() == vendor.read_bytes() == verifier_source()


def test_a_place_that_takes_no_program_is_told(tmp_path, capsys):
    nowhere = str(tmp_path / "none/verify.py")
    assert COMMANDS["audit"].run(parsed("verifier", "--out", nowhere)) == 1
    assert installer_main(["vendor", "verifier", "--out", nowhere]) == 1
    assert capsys.readouterr().err.count("cannot be written") == 2
