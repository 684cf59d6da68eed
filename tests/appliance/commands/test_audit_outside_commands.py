"""`wardbox audit witness` and `wardbox audit forward` against a box, a stick and another machine."""

import argparse
import asyncio
import json
import os
from types import SimpleNamespace

import pytest

from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from secure_compute.witness.program import main as witness_main
from tests.appliance.api.box import live_box


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        yield one


@pytest.fixture
def audit(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: object) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        COMMANDS["audit"].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(("audit", *map(str, words)))
        args.environ = {"WARDBOX_STATE": "/nowhere"}
        capsys.readouterr()
        status = await asyncio.to_thread(COMMANDS["audit"].run, args)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def other(tmp_path, capsys):
    def run(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        status = witness_main(["--key", str(tmp_path / "w.json"), *map(str, words)])
        told = capsys.readouterr()
        return status, told.out + told.err

    return run


async def test_the_whole_round_over_a_stick(audit, other, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    status, _, said = await audit("witness", "offer", "--out", stick)
    assert (status, "witness.nothing-to-offer" in said) == (1, True)
    key = other("init", "--name", "host-b/witness")[1].split()[-1]
    assert (await audit("witness", "add", "host-b", key))[0] == 0
    status, _, said = await audit("witness", "add", "host-b", key)
    assert (status, "witness.exists" in said) == (1, True)
    status, _, said = await audit("witness", "add", "bad name!", key)
    assert status == 1
    status, out, _ = await audit("witness", "offer", "--out", stick)
    assert status == 0
    assert other("trust", out.split("key: ")[1].split()[0])[0] == 0
    # Offered twice without anything new in between is the same file.
    assert (await audit("witness", "offer", "--out", stick))[0] == 0
    assert other("cosign", stick)[0] == 0
    status, out, _ = await audit("witness", "take", stick)
    assert (status, "host-b" in out) == (0, True)
    status, out, _ = await audit("witness", "list", "--json")
    found = json.loads(out)
    (one,) = found["witnesses"]
    assert (one["name"], one["stale"]) == ("host-b", False)
    assert one["size"] <= found["size"]
    assert found["second"]["kind"] == "software"
    status, out, _ = await audit("witness", "list")
    assert status == 0
    assert "vault (weaker)" in out
    before = found["second"]["key"]
    status, out, _ = await audit("witness", "renew")
    assert status == 0
    assert before not in out
    assert (await audit("witness", "remove", "host-b"))[0] == 0
    status, _, said = await audit("witness", "remove", "host-b")
    assert (status, "witness.unknown" in said) == (1, True)
    # What came from a witness that is known no more is not taken in.
    status, _, said = await audit("witness", "take", stick)
    assert (status, "no registered witness" in said) == (1, True)


async def test_missing_empty_full_and_foreign_sticks(audit, other, tmp_path, monkeypatch):
    key = other("init", "--name", "host-b/witness")[1].split()[-1]
    assert (await audit("witness", "add", "host-b", key))[0] == 0
    status, _, said = await audit("witness", "offer", "--out", tmp_path / "none")
    assert (status, "There is no folder" in said) == (1, True)
    stick = tmp_path / "stick"
    stick.mkdir()
    status, _, said = await audit("witness", "take", stick)
    assert (status, "cannot be read" in said) == (1, True)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, said = await audit("witness", "offer", "--out", stick)
    monkeypatch.undo()
    assert (status, "full or read-only" in said) == (1, True)
    assert not list(stick.rglob("offer-*"))


async def test_strange_files_on_a_stick_are_told_one_by_one(audit, other, tmp_path):
    key = other("init", "--name", "host-b/witness")[1].split()[-1]
    assert (await audit("witness", "add", "host-b", key))[0] == 0
    stick = tmp_path / "stick"
    assert (await audit("witness", "offer", "--out", tmp_path))[0] == 0
    folder = stick / "wardbox-witness" / "x"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("x")
    status, _, said = await audit("witness", "take", stick)
    assert (status, "Nothing that a witness cosigned" in said) == (1, True)
    (folder / "cosigned-1-abcd.txt").write_bytes(b"\xff" * 200_000)
    (folder / "cosigned-2-abcd.txt").write_text("not a note")
    (folder / "cosigned-3-abcd.txt").symlink_to("/etc/passwd")
    (folder / "cosigned-4-\x1b[31m.txt").write_text("steers a terminal")
    status, _, said = await audit("witness", "take", stick)
    assert status == 1
    assert said.count("拒 no") == 2
    assert "\x1b" not in said


async def test_the_program_is_handed_out_without_a_box(audit, tmp_path):
    out = tmp_path / "witness.py"
    assert (await audit("witness", "program", "--out", out))[0] == 0
    assert out.read_text().startswith("#!/usr/bin/env python3\n")
    status, _, said = await audit("witness", "program", "--out", out)
    assert (status, "cannot be written" in said) == (1, True)


async def test_forwarding_that_is_off_says_so(audit):
    status, out, _ = await audit("forward", "status")
    assert (status, "off" in out) == (0, True)
    status, _, said = await audit("forward", "test")
    assert (status, "forward.off" in said) == (1, True)
