"""Refusals of the box and of the system end in sentences, never in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.errors import WrongSecret
from installer import __main__ as program
from installer.box import _told
from installer.errors import BoxRefused

ROOT = Path(__file__).resolve().parents[2]


def test_the_box_speaks_in_its_own_words():
    with pytest.raises(BoxRefused) as caught, _told():
        raise WrongSecret
    assert WrongSecret().sentence in caught.value.sentence
    assert WrongSecret().way_out in caught.value.way_out


def test_a_full_disk_is_a_sentence(monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device", "/state/x")

    monkeypatch.setattr("installer.installation.run", full)
    assert program.main(["install"]) == 1
    said = capsys.readouterr().err
    assert "/state/x" in said
    assert "No space left" in said


def test_a_state_directory_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = subprocess.run(
        [sys.executable, "-m", "installer", "install", "--state", tmp_path / "file" / "state"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "→" in done.stderr
