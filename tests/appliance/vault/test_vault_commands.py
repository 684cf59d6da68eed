"""`wardbox vault` and `wardbox audit`: what is asked of the box and what is shown."""

import argparse
import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from appliance.client.session import Session
from appliance.commands import audit, vault
from appliance.commands.table import COMMANDS
from appliance.contract.access import VaultView
from appliance.contract.audit import AuditVerified, Entry, EntryPage, ExportState


class Box:
    """A session that answers without a box and notes what it was asked."""

    def __init__(self) -> None:
        self.asked = []
        self.ok = True

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def vault(self):
        return VaultView(state="locked", backend="embedded", slots=("passphrase", "recovery"))

    @property
    def slots(self):
        return self

    async def unlock(self, wish):
        self.asked.append(wish.secret)
        return VaultView(state="unlocked", backend="embedded", slots=("passphrase",))

    async def audit_verify(self):
        return AuditVerified(ok=self.ok, entries=3, root="ab", sentence="判断。 Judged.")

    async def audit_export_begin(self, wish):
        self.asked.append(wish)
        return await self.audit_export_state("audit-1")

    async def audit_export_state(self, export_id):
        return ExportState(
            id=export_id, state="done", directory=self.asked[0].out, actor="local:console",
            asked=datetime(2026, 1, 1, tzinfo=UTC), since=None, until=None, done=3, total=3,
            entries=3, root="ab", sentence=None, way_out=None,
        )  # fmt: skip

    async def audit_entries(self, **query):
        self.asked.append(query)
        return EntryPage(entries=(entry(2, "key:b\x1b[2J"), entry(1, "key:a")), next_before=None)

    async def audit_live(self):
        yield entry(3, "key:a")
        yield entry(4, "key:c")


def entry(index, actor):
    return Entry(
        index=index, time=datetime(2026, 1, 1, tzinfo=UTC), tag="model:completion:answer",
        actor=actor, subject=None, request_id="req", details={}, hash="00",
    )  # fmt: skip


@pytest.fixture
def box(monkeypatch):
    made = Box()
    monkeypatch.setattr(Session, "local", lambda socket: made)
    return made


def run(command, *words):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(words)
    args.environ = {"WARDBOX_STATE": "/nowhere"}
    return command.run(args)


def test_the_secret_comes_from_stdin_and_is_never_shown(box, monkeypatch, capsys):
    stdin = io.StringIO("correct horse battery\nsecond line\n")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False, readline=stdin.readline))
    assert run(vault, "vault", "unlock") == 0
    assert box.asked == ["correct horse battery"]
    said = capsys.readouterr()
    assert "unlocked" in said.out
    assert "correct" not in said.out + said.err


def test_no_secret_is_wrong_usage_and_none_fits_the_command_line(box, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(vault, "vault", "unlock") == 2
    assert box.asked == []
    with pytest.raises(SystemExit):
        run(vault, "vault", "unlock", "correct horse battery")
    capsys.readouterr()


def test_the_status_tells_what_the_back_end_lacks(box, capsys):
    assert run(vault, "vault", "status") == 1
    said = capsys.readouterr().out
    assert "embedded" in said
    assert "LUKS2" in said
    assert run(vault, "vault", "status", "--json") == 1
    assert json.loads(capsys.readouterr().out)["state"] == "locked"


def test_verifying_says_so_by_its_exit_status(box, capsys):
    assert run(audit, "audit", "verify") == 0
    box.ok = False
    assert run(audit, "audit", "verify") == 1
    assert "Judged" in capsys.readouterr().err


def test_an_export_goes_where_the_caller_stands(box, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(audit, "audit", "export", "--out", "out", "--first", "2") == 0
    assert box.asked[0].out == str(tmp_path / "out")
    assert (box.asked[0].first, box.asked[0].last) == (2, None)
    assert "verify.py" in capsys.readouterr().out


def test_the_tail_is_in_order_and_steers_no_terminal(box, capsys):
    assert run(audit, "audit", "tail", "-n", "5", "--tag", "model:*", "--follow") == 0
    said = capsys.readouterr().out
    assert box.asked == [{"limit": "5", "tag": "model:*"}]
    assert "\x1b" not in said
    assert [line.split()[0] for line in said.splitlines()] == ["1", "2", "3", "4"]
    assert run(audit, "audit", "tail", "--json", "--actor", "key:a") == 0
    assert [json.loads(line)["index"] for line in capsys.readouterr().out.splitlines()] == [1, 2]


def test_every_command_has_its_help():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for command in COMMANDS.values():
        command.add_parser(commands)
    assert set(commands.choices) == set(COMMANDS)
