"""The commands behind `wardbox firmware`: output, exit status, refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_checks.__main__ import main
from firmware_checks.catalogue import CHECKS
from tests.firmware_checks.logs import boot_log, expected
from tests.firmware_checks.machine import sound

ROOT = Path(__file__).parents[2]


def test_check_of_a_sound_machine(tmp_path, capsys):
    sound(tmp_path)
    assert main(["check", "--root", str(tmp_path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["posture"]["level"] == 4
    assert main(["check", "--root", str(tmp_path)]) == 0
    assert "4/4" in capsys.readouterr().out


def test_check_of_a_bad_and_of_an_unknown_machine(tmp_path, capsys):
    sound(tmp_path / "bad").put("proc/cmdline", "mitigations=off\n")
    assert main(["check", "--root", str(tmp_path / "bad")]) == 1
    assert "mitigations=off" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert main(["check", "--root", str(tmp_path / "empty")]) == 2


def test_check_writes_one_page(tmp_path, capsys):
    sound(tmp_path / "root")
    page = tmp_path / "page.html"
    assert main(["check", "--root", str(tmp_path / "root"), "--html", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main(["check", "--root", str(tmp_path / "root"), "--html", str(tmp_path)]) == 2
    assert "firmware.report-unwritable" in capsys.readouterr().err


@pytest.mark.parametrize("root", ["missing", "file"])
def test_check_needs_a_directory(tmp_path, capsys, root):
    (tmp_path / "file").write_text("x")
    assert main(["check", "--root", str(tmp_path / root)]) == 2
    assert "firmware.root-unusable" in capsys.readouterr().err


def test_eventlog(tmp_path, capsys):
    log = tmp_path / "log.bin"
    log.write_bytes(boot_log(locality=3))
    assert main(["eventlog", str(log), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    wanted = {str(pcr): value for pcr, value in expected(0x000B, locality=3).items()}
    assert shown["banks"]["SHA256"] == wanted
    assert len(shown["events"]) == 13
    assert main(["eventlog", str(log)]) == 0
    assert wanted["0"] in capsys.readouterr().out


def test_eventlog_refusals(tmp_path, capsys):
    (tmp_path / "cut").write_bytes(boot_log()[:-1])
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 36)
    os.mkfifo(tmp_path / "pipe")
    wanted = {
        "cut": "firmware.event-log-malformed",
        "huge": "firmware.event-log-too-large",
        "pipe": "firmware.event-log-unreadable",
        "missing": "firmware.event-log-unreadable",
        ".": "firmware.event-log-unreadable",
        "a\0b": "firmware.event-log-unreadable",
    }
    for name, code in wanted.items():
        assert main(["eventlog", str(tmp_path / name), "--json"]) == 2
        output = capsys.readouterr()
        assert code in output.err
        assert output.out == ""


def test_explain_and_list(capsys):
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    for check in CHECKS:
        assert check.id in listed
        assert main(["explain", check.id]) == 0
        text = capsys.readouterr().out
        assert check.zh.remedy in text
        assert check.en.remedy in text
    assert main(["explain", "no.such"]) == 2
    assert "firmware.check-unknown" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["check", "--json", "--html", "x"], ["fly"]])
def test_a_wrong_command_line_could_not_check(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    capsys.readouterr()


def test_importing_is_light():
    code = (
        "import firmware_checks.posture, firmware_checks.__main__, sys;"
        "print([m for m in ('torch','pynvml','textual','fastapi','pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_reader_that_leaves_early_and_a_narrow_terminal(tmp_path):
    # The other process trusts NVIDIA's root only: it judges a machine whose GPU attests nothing.
    sound(tmp_path).nvml(confidential_capable=False, confidential_on=False)
    command = [sys.executable, "-m", "firmware_checks", "check", "--root", str(tmp_path)]
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert b"Traceback" not in done.stderr
