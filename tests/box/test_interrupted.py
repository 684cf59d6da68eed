"""An installation that is killed at each of its steps, and run again: one sound box comes out."""

import os
import signal
import socket
import subprocess
import time

import pytest

from appliance.settings.layout import StateLayout
from installer.journal import Journal
from tests.box.conftest import ROOT, Box, read_secrets

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]

STEPS = ("birth", "service", "administrator", "smoke")


def begin(state, answers):
    """The installer's second half, as install.sh goes on with it; the first is tested elsewhere."""
    return subprocess.Popen(
        (ROOT / ".venv/bin/python", "-m", "installer", "install", "--state", state, "--answers", answers),
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def await_begun(process, journal, step, already):
    until = time.monotonic() + 300
    while [one.step for one in journal.entries()].count(step) <= already:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_killed_at_every_step_and_run_again(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    state, answers = tmp_path / "s", tmp_path / "answers.toml"
    answers.write_text(
        f'port = {port}\naddress = "127.0.0.1"\nservice = "background"\nsecrets_file = "secrets.txt"\n'
    )
    journal = Journal(state / "installer" / "journal.ndjson", time.time)
    box = Box(state, port, {}, "")
    try:
        for step in STEPS:
            already = [one.step for one in journal.entries()].count(step)
            process = begin(state, answers)
            await_begun(process, journal, step, already)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            assert not (tmp_path / "secrets.txt").exists()
        process = begin(state, answers)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        secrets = read_secrets(tmp_path / "secrets.txt")
        box.run("vault", "lock")
        box.run("vault", "unlock", given=secrets["vault"] + "\n")
        box.run("vault", "lock")
        box.run("vault", "unlock", given=secrets["recovery"] + "\n")
        assert "integrity ok" in box.run("status").stdout
        sealed = StateLayout(state).sealed_root.read_bytes()
        process = begin(state, answers)
        said, _ = process.communicate(timeout=300)
        assert said.count("already so") == 6
        assert StateLayout(state).sealed_root.read_bytes() == sealed
    finally:
        box.run("uninstall", "--yes")
    assert not state.exists()
