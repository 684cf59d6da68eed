"""`wardbox key`, `user`, `usage` and `approval` against a real box: what is typed, what is shown."""

import argparse
import asyncio
import io
from types import SimpleNamespace

import pytest

from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from tests.appliance.api.box import live_box

PASSWORD = "a long password indeed 7"


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        yield one


@pytest.fixture
def wardbox(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        COMMANDS[words[0]].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(words)
        args.environ = {"WARDBOX_STATE": "/nowhere"}
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = await asyncio.to_thread(COMMANDS[words[0]].run, args)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


async def test_keys_and_their_quotas(wardbox, box):
    await wardbox("user", "create-account", "emr", "--note", "电子病历")
    words = ("--account", "emr", "--scope", "chat", "--requests-per-day", "5")
    status, secret, hint = await wardbox("key", "create", "emr-1", *words)
    assert (status, secret.startswith("wbk_")) == (0, True)
    assert "shown this once" in hint
    key_id = secret.partition(".")[0]
    _, listed, _ = await wardbox("key", "list")
    line = next(line for line in listed.splitlines() if line.startswith(key_id))
    assert "account:emr" in line
    assert "requests_per_day=5" in line
    assert secret.strip().partition(".")[2] not in listed
    _, told, _ = await wardbox("key", "quota", key_id, "--tokens-per-month", "9")
    assert told.split() == [key_id, "tokens_per_month=9"]
    assert "no limits" in (await wardbox("key", "quota", key_id))[1]
    await wardbox("user", "disable-account", "emr")
    assert "suspended" in (await wardbox("key", "list"))[1]
    await wardbox("user", "enable-account", "emr")
    assert (await wardbox("key", "revoke", key_id))[0] == 0
    status, _, said = await wardbox("key", "revoke", key_id)
    assert status == 1
    assert "[access.key-unknown]" in said
    assert "emr" in (await wardbox("user", "accounts"))[1]
    assert (await wardbox("user", "remove-account", "emr"))[0] == 0


async def test_people(wardbox):
    password = PASSWORD + "\n"
    await wardbox("user", "create", "li", "--role", "clinician", stdin=password)
    status, _, said = await wardbox("user", "create", "x", "--role", "clinician", stdin="short\n")
    assert status == 1
    assert "password" in said
    assert (await wardbox("user", "define-role", "pharmacy", "--scope", "chat"))[0] == 0
    for words in (
        ("role", "li", "pharmacy"),
        ("disable", "li"),
        ("enable", "li"),
        ("unlock", "li"),
        ("demand-totp", "pharmacy"),
    ):
        assert (await wardbox("user", *words))[0] == 0, words
    assert "pharmacy  totp  own" in (await wardbox("user", "roles"))[1]
    assert (await wardbox("user", "demand-totp", "pharmacy", "--off"))[0] == 0
    word = "another good word 8\n"
    assert (await wardbox("user", "password", "li", "--temporary", stdin=word))[0] == 0
    assert "[access.totp-state]" in (await wardbox("user", "reset-totp", "li"))[2]
    assert "[access.session-unknown]" in (await wardbox("user", "end-session", "wbs_0"))[2]
    assert (await wardbox("user", "sessions"))[1] == ""
    assert (await wardbox("user", "list"))[1] == "li  pharmacy\n"
    assert (await wardbox("user", "remove", "li"))[0] == 0
    assert (await wardbox("user", "remove-role", "pharmacy"))[0] == 0


async def test_usage(wardbox, box, tmp_path):
    access = box.services.access
    access.meter(access.authenticate(f"Bearer {box.key}"), "m", 3, 4)
    told = (await wardbox("usage", "show", "--by", "model"))[1]
    assert told == "m  1  3  4\n"
    out = tmp_path / "usage.csv"
    assert (await wardbox("usage", "export", "--out", str(out), "--from", "2020-01-01"))[0] == 0
    assert out.read_bytes().startswith(b"\xef\xbb\xbfday,hour")
    assert out.stat().st_mode & 0o777 == 0o600
    status, _, said = await wardbox("usage", "export", "--out", str(out))
    assert status == 1
    assert "[command.file-unusable]" in said
    with pytest.raises(SystemExit):
        await wardbox("usage", "show", "--from", "2026-02-30")
    words = ("--from", "2026-02-01", "--to", "2026-01-01")
    fresh = tmp_path / "none.csv"
    status, _, said = await wardbox("usage", "export", "--out", str(fresh), *words)
    assert (status, fresh.exists()) == (1, False)
    assert "[access.usage-range]" in said


async def test_two_people_at_the_console(wardbox, box):
    object.__setattr__(box.services.access.rules, "two_person", True)
    password = PASSWORD + "\n"
    for name in ("ann", "bob"):
        await wardbox("user", "create", name, "--role", "administrator", stdin=password)
    status, _, said = await wardbox("user", "remove", "bob")
    assert status == 1
    assert "wardbox approval request user.remove-administrator bob" in said
    words = ("user.remove-administrator", "bob", "--reason", "离职", "--as", "ann")
    _, told, _ = await wardbox("approval", "request", *words, stdin=password)
    identity = told.split()[0]
    status, _, said = await wardbox("approval", "approve", identity, "--as", "ann", stdin=password)
    assert status == 1
    assert "own request" in said
    for what, name in (("approve", "bob"), ("execute", "ann")):
        words = ("approval", what, identity, "--as", name)
        assert (await wardbox(*words, stdin=password))[0] == 0
    _, told, _ = await wardbox("approval", "list")
    assert f"{identity}  executed  user.remove-administrator bob" in told
    assert "user:ann / user:bob" in told
    assert (await wardbox("user", "sessions"))[1] == ""
