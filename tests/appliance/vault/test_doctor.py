"""The doctor on storage: which back end and why, what is weaker, and what is not well."""

import argparse
import json
from pathlib import Path

import pytest

from appliance.commands import doctor as command
from appliance.vault.doctor import examine
from appliance.vault.record import StorageRecord, luks_record, write_record


@pytest.fixture
def machine(tmp_path):
    root = tmp_path / "machine"
    (root / "proc").mkdir(parents=True)
    (root / "dev").mkdir()
    (root / "proc/cpuinfo").write_text("flags\t\t: aes avx2\n")
    (root / "proc/swaps").write_text("Filename Type Size Used Priority\n")
    (root / "dev/fuse").write_text("")
    return root


def told(layout, machine):
    return {one.subject: one for one in examine(layout, machine)}


def test_the_embedded_back_end_says_why_and_what_is_lost(layout, machine):
    write_record(layout, StorageRecord("embedded", "", "", "因为没有磁盘。", "No disk was named."))
    found = told(layout, machine)
    assert "No disk was named." in found["backend"].en
    assert "因为没有磁盘。" in found["backend"].zh
    assert found["weaker"].verdict == "warning"


def test_a_box_from_before_the_choice_is_embedded(layout, machine):
    assert told(layout, machine)["backend"].verdict == "ok"


def test_an_unfinished_or_absent_device_is_bad(layout, machine):
    record = luks_record(Path("/dev/no-such-disk"), "因为", "because")
    write_record(layout, record)
    assert told(layout, machine)["device"].verdict == "bad"
    write_record(layout, record.at("ready"))
    found = told(layout, machine)
    assert "is not there" in found["device"].en
    assert found["header"].verdict == "warning"
    assert found["machine"].verdict == "bad"
    layout.keys.mkdir()
    layout.luks_header.write_bytes(b"header")
    assert told(layout, machine)["header"].verdict == "ok"


def test_swap_that_is_not_encrypted_is_named(layout, machine):
    head = "Filename Type Size Used Priority\n"
    swaps = machine / "proc/swaps"
    swaps.write_text(head + "/dev/zram0 partition 1 0 1\n")
    assert told(layout, machine)["swap"].verdict == "ok"
    swaps.write_text(head + "/dev/sda2 partition 1 0 1\n")
    assert "/dev/sda2" in told(layout, machine)["swap"].en
    crypt = machine / "sys/class/block/dm-0/dm"
    crypt.mkdir(parents=True)
    (crypt / "uuid").write_text("CRYPT-PLAIN-swap\n")
    swaps.write_text(head + "/dev/dm-0 partition 1 0 1\n")
    assert told(layout, machine)["swap"].verdict == "ok"


def test_a_damaged_record_is_one_sentence_and_no_traceback(layout, capsys):
    layout.root.mkdir(exist_ok=True)
    layout.storage_record.write_text("{")
    (finding,) = examine(layout)
    assert finding.verdict == "bad"

    args = argparse.Namespace(environ={"WARDBOX_STATE": str(layout.root)}, json=True)
    assert command.run(args) == 1
    assert json.loads(capsys.readouterr().out)[0]["verdict"] == "bad"


def test_the_doctor_speaks_without_a_box(tmp_path, capsys):
    command.run(argparse.Namespace(environ={"WARDBOX_STATE": str(tmp_path)}, json=False))
    assert "Embedded: SQLCipher and gocryptfs." in capsys.readouterr().out
