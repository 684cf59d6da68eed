"""The step that looks at the machine's ground, on answers of the real commands."""

import io
import json
from contextlib import redirect_stdout

import pytest

from firmware_checks.__main__ import main
from tests.firmware_checks.machine import sound
from tests.firmware_checks.seeds import words_log
from tests.vm.agent import Said
from tests.vm.box import Box
from tests.vm.ground_scene import LOG, looks_at_its_ground
from tests.vm.ledger import Ledger, UnexpectedError
from tests.vm.places import Places


def answered(root, *words):
    """What a command prints for a captured machine."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = main([*words])
    return Said(code, out.getvalue(), "")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Places(tmp_path, tmp_path))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The guest's two commands, run here on a captured machine."""
    root = tmp_path / "machine"
    sound(root)

    def try_wardbox(_, *words, **__):
        if words[1] == "eventlog":
            # Whether it is the TPM's is the guest's matter: this machine has none.
            path = str(root / LOG.lstrip("/"))
            return Said(0, answered(root, "eventlog", path, "--json").out, "")
        return answered(root, "check", "--root", str(root), "--json")

    monkeypatch.setattr(Box, "try_wardbox", try_wardbox)
    return root


def test_the_report_is_kept(machine, ledger):
    looks_at_its_ground(None, ledger)
    assert json.loads(json.dumps(ledger.done()["firmware report"]))["checks"]


def test_a_log_that_its_tpm_belies_ends_the_scene(machine, ledger):
    (machine / LOG.lstrip("/")).write_bytes(words_log())
    with pytest.raises(UnexpectedError, match="event-log does not fail"):
        looks_at_its_ground(None, ledger)
    assert "firmware report" not in ledger.done()
