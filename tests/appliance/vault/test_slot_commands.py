"""`wardbox vault slots`: what is asked, where secrets come from, what is shown and written once."""

import argparse
import io
import os
import re
from types import SimpleNamespace

import pytest

from appliance.client.session import Session
from appliance.commands import vault
from appliance.contract.access import VaultView, VaultWarning
from appliance.contract.slots import ShareView, SlotAdded, SlotList, SlotView
from secure_compute.key_file import KeyFile
from secure_compute.recovery import recovery_text
from secure_compute.secret import Secret
from secure_compute.shares import split

PAPER = recovery_text(Secret(bytes(range(32))))
SHARES = tuple(share.text() for share in split(Secret(bytes(32)), 2, 3))
FILE = KeyFile.make().text()


def view(kind, **more):
    told = {"created": None, "created_by": "", "used": None, "tested": None}
    return SlotView(id="ab" * 8, kind=kind, label="柜 safe", person=True, **told | more)


class Box:
    """A session that answers without a box and notes what it was asked."""

    def __init__(self) -> None:
        self.asked = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    @property
    def slots(self):
        return self

    async def info(self):
        return SimpleNamespace(name="<WardBox & 1>")

    async def list(self):
        shares = view("shares", needed=2, holders=("李", "王", "陈"))
        return SlotList(slots=(view("tpm", pcrs=(4, 7)), shares))

    async def unlock(self, wish):
        self.asked.append(wish)
        warning = VaultWarning(sentence="PCR 7", way_out="reseal")
        return VaultView(state="unlocked", backend="embedded", slots=(), warnings=(warning,))

    async def add(self, wish):
        self.asked.append(wish)
        shares = tuple(ShareView(holder=f"持有人 {n}", text=text) for n, text in enumerate(SHARES))
        return SlotAdded(
            slot=view(wish.kind),
            recovery_key=PAPER if wish.kind == "recovery" else None,
            shares=shares if wish.kind == "shares" else (),
            key_file=FILE if wish.kind == "keyfile" else None,
        )

    async def test(self, wish):
        self.asked.append(wish)
        return view("passphrase")

    async def reseal(self, change, slot):
        self.asked.append((slot, change))
        return SlotAdded(slot=view("tpm"))

    async def revoke(self, slot, change):
        self.asked.append((slot, change))
        return view("recovery")


@pytest.fixture
def box(monkeypatch):
    made = Box()
    monkeypatch.setattr(Session, "local", lambda socket: made)
    return made


def run(*words, stdin="", monkeypatch=None):
    if monkeypatch is not None:
        lines = io.StringIO(stdin)
        fake = SimpleNamespace(isatty=lambda: False, readline=lines.readline)
        monkeypatch.setattr("sys.stdin", fake)
    parser = argparse.ArgumentParser()
    vault.add_parser(parser.add_subparsers())
    args = parser.parse_args(("vault", *words))
    args.environ = {"WARDBOX_STATE": "/nowhere"}
    return vault.run(args)


def test_the_list_tells_what_each_slot_needs(box, capsys):
    assert run("slots", "list") == 0
    said = capsys.readouterr().out
    assert "PCR 4, 7" in said
    assert "2/3: 李, 王, 陈" in said
    assert run("slots", "list", "--json") == 0
    assert '"pcrs"' in capsys.readouterr().out


def test_a_recovery_key_goes_onto_a_sheet_that_only_its_owner_reads(
    box, monkeypatch, tmp_path, capsys
):
    words = ("slots", "add", "recovery", "--label", "safe", "--sheet", str(tmp_path))
    assert run(*words, stdin="the present one\n", monkeypatch=monkeypatch) == 0
    (sheet,) = tmp_path.iterdir()
    assert sheet.stat().st_mode & 0o777 == 0o600
    page = sheet.read_text(encoding="utf-8")
    assert "".join(re.findall(r'monospace"[^>]*>([^<]*)<', page)).split() or page
    assert all(group in page for group in PAPER.split("-"))
    assert "&lt;WardBox &amp; 1&gt;" in page
    assert page.count("<svg") == 2
    said = capsys.readouterr()
    assert PAPER in said.out
    assert "present one" not in said.out + said.err
    assert box.asked[0].present.secret == "the present one"
    # Another sheet of the same name is never overwritten.
    assert run(*words, stdin="the present one\n", monkeypatch=monkeypatch) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_each_share_has_its_sheet_and_its_holder(box, monkeypatch, tmp_path, capsys):
    words = ("slots", "add", "shares", "--needed", "2", "--sheet", str(tmp_path))
    holders = [part for name in ("李", "王", "陈") for part in ("--holder", name)]
    assert run(*words, *holders, stdin="present\n", monkeypatch=monkeypatch) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert box.asked[0].holders == ("李", "王", "陈")
    assert "持有人 2" in capsys.readouterr().out


def test_a_key_file_is_written_once_and_its_words_are_asked(box, monkeypatch, tmp_path, capsys):
    out = tmp_path / "stick.key"
    words = ("slots", "add", "keyfile", "--out", str(out))
    secrets = "present\nwords of the stick\n"
    assert run(*words, stdin=secrets, monkeypatch=monkeypatch) == 0
    assert (out.read_text(), out.stat().st_mode & 0o777) == (FILE, 0o600)
    assert box.asked[0].passphrase == "words of the stick"
    assert FILE.splitlines()[1] not in capsys.readouterr().out
    assert run(*words, stdin=secrets, monkeypatch=monkeypatch) == 2
    assert run("slots", "add", "keyfile", stdin=secrets, monkeypatch=monkeypatch) == 2
    assert len(box.asked) == 1
    unlock = ("unlock", "--key-file", str(out))
    assert run(*unlock, stdin="words of the stick\n", monkeypatch=monkeypatch) == 0
    assert box.asked[1].key_file == FILE
    assert run("unlock", "--key-file", "/nowhere", monkeypatch=monkeypatch) == 2
    assert "PCR 7" in capsys.readouterr().out


def test_secrets_come_from_a_descriptor(box, capsys):
    read, write = os.pipe()
    os.write(write, b"from a descriptor\n")
    os.close(write)
    assert run("slots", "test", "--fd", str(read)) == 0
    os.close(read)
    assert box.asked[0].present.secret == "from a descriptor"
    assert run("unlock", "--fd", "987") == 2
    capsys.readouterr()


def test_shares_are_asked_one_by_one(box, monkeypatch, capsys):
    typed = "\n".join(SHARES[:2]) + "\n"
    assert run("unlock", "--shares", "2", stdin=typed, monkeypatch=monkeypatch) == 0
    assert box.asked[0].shares == SHARES[:2]
    for bad in ("", SHARES[0] + "\n"):
        assert run("unlock", "--shares", "2", stdin=bad, monkeypatch=monkeypatch) == 2
    capsys.readouterr()


def test_testing_resealing_and_revoking_ask_for_what_they_need(box, monkeypatch, capsys):
    assert run("slots", "test", "ab" * 8) == 0
    assert box.asked.pop().slot == "ab" * 8
    assert run("slots", "reseal", stdin="present\n", monkeypatch=monkeypatch) == 0
    assert box.asked.pop()[0] is None
    words = ("slots", "revoke", "cd" * 8, "--approval", "apr_1")
    assert run(*words, stdin="present\n", monkeypatch=monkeypatch) == 0
    slot, change = box.asked.pop()
    assert (slot, change.present.secret, change.approval) == ("cd" * 8, "present", "apr_1")
    assert run("slots", "revoke", "x", stdin="", monkeypatch=monkeypatch) == 2
    assert box.asked == []
    capsys.readouterr()


@pytest.mark.parametrize(
    "typed",
    ["caf\udce9 au lait secret", "x" * 1025, "x" * 300_000],
    ids=("latin", "long", "endless"),
)
def test_what_cannot_be_a_secret_is_told_and_never_shown(box, monkeypatch, capsys, typed):
    for words in (("unlock",), ("slots", "test"), ("slots", "revoke", "x")):
        assert run(*words, stdin=f"{typed}\n", monkeypatch=monkeypatch) == 2
        told = capsys.readouterr().err
        assert "command.argument-refused" in told
        assert typed[:12] not in told
    assert box.asked == []


def test_a_descriptor_that_gives_no_text_is_told(box, capsys, tmp_path):
    (tmp_path / "latin").write_bytes("Käse und Brot".encode("latin-1") + b"\n")
    with (tmp_path / "latin").open("rb") as latin, (tmp_path / "written").open("wb") as written:
        for descriptor in (latin.fileno(), written.fileno(), 1 << 40):
            assert run("unlock", "--fd", str(descriptor)) == 2
            told = capsys.readouterr().err
            assert "command.argument-refused" in told
            assert "Brot" not in told
    for count in ("0", "-1", "17", "9" * 20):
        assert run("unlock", "--shares", count) == 2
        assert "--shares" in capsys.readouterr().err
    assert box.asked == []


def test_a_key_file_without_a_place_adds_no_slot(box, monkeypatch, tmp_path, capsys):
    words = ("slots", "add", "keyfile", "--out", str(tmp_path / "away" / "key"))
    assert run(*words, stdin="present\nwords of it\n", monkeypatch=monkeypatch) == 2
    assert "no such folder" in capsys.readouterr().err
    assert box.asked == []
