"""The daemon for real: supervise, unlock, kill -9, come back unlocked, stop; sentences on bad starts."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.client.problem import BoxUnreachable
from appliance.client.session import Session
from appliance.settings.layout import StateLayout
from appliance.settings.reading import digest_of, load
from appliance.vault.assembly import build_vault
from appliance.vault.authority import renew_certificate

ROOT = Path(__file__).parents[3]
PASSPHRASE = "correct horse battery staple"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wardbox(state: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "WARDBOX_STATE": str(state), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "appliance", *words]
    return subprocess.run(
        argv, input=stdin, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "s"
    path.mkdir(mode=0o700)
    settings = f'[server]\nhost = "127.0.0.1"\nport = {free_port()}\n'
    (path / "settings.toml").write_text(settings, "utf-8")
    return path


@pytest.fixture
def box(state):
    if not (os.access("/dev/fuse", os.R_OK | os.W_OK) and shutil.which("gocryptfs")):
        pytest.skip("no FUSE or no gocryptfs on this machine")

    def now() -> datetime:
        return datetime.now(UTC)

    layout = StateLayout(state)
    vault = build_vault(layout, load(state, {}), {}, now)
    vault.create(PASSPHRASE)
    renew_certificate(layout, vault.unlock(PASSPHRASE), ["localhost", "127.0.0.1"], now)
    vault.lock()
    yield state
    wardbox(state, "supervise", "--stop")


def health(state: Path, wanted: str, seconds: float = 90) -> str:
    async def ask() -> str:
        async with Session.local(StateLayout(state).socket) as session:
            return (await session.health()).vault

    said, ends = "", time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            said = asyncio.run(ask())
        except BoxUnreachable as error:
            said = error.detail
        if said == wanted:
            break
        time.sleep(0.1)
    return said


@pytest.mark.slow
def test_a_killed_daemon_comes_back_unlocked_and_a_stopped_one_stays_away(box):
    started = wardbox(box, "supervise", "--detach")
    assert started.returncode == 0, started.stderr
    assert health(box, "locked") == "locked"
    again = wardbox(box, "supervise")
    assert again.returncode == 1
    assert "supervisor is running" in again.stderr
    told = wardbox(box, "vault", "unlock", stdin="wrong secret here\n")
    assert told.returncode == 1
    told = wardbox(box, "vault", "unlock", stdin=f"{PASSPHRASE}\n")
    assert told.returncode == 0, told.stderr
    pid = int(StateLayout(box).serve_pid.read_text("ascii"))
    os.kill(pid, signal.SIGKILL)
    assert health(box, "unlocked") == "unlocked"
    assert int(StateLayout(box).serve_pid.read_text("ascii")) != pid
    assert "unclean" in wardbox(box, "audit", "tail").stdout
    loaded = wardbox(box, "audit", "tail", "--tag", "settings:box:load", "--json").stdout
    digests = [json.loads(line)["details"]["digest"] for line in loaded.splitlines()]
    assert digests == [digest_of(load(box, {}))] * 2
    assert wardbox(box, "audit", "verify").returncode == 0
    key = wardbox(box, "key", "create", "emr")
    assert key.stdout.startswith("wbk_")
    assert wardbox(box, "supervise", "--status").returncode == 0
    assert wardbox(box, "supervise", "--stop").returncode == 0
    assert wardbox(box, "supervise", "--status").returncode == 3
    assert not StateLayout(box).socket.exists()
    assert str(box) not in Path("/proc/self/mounts").read_text("utf-8")
    told = wardbox(box, "status")
    assert told.returncode == 3
    assert "wardbox supervise" in told.stderr
    # A new supervisor has no key: the box is locked as after a reboot.
    wardbox(box, "supervise", "--detach")
    assert health(box, "locked") == "locked"


def test_a_taken_port_is_a_sentence(state):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f'[server]\nhost = "127.0.0.1"\nport = {port}\n'
        (state / "settings.toml").write_text(text, "utf-8")
        told = wardbox(state, "serve")
    assert told.returncode == 1
    assert f"127.0.0.1:{port}" in told.stderr
    assert "Traceback" not in told.stderr


def test_an_unknown_setting_and_a_missing_certificate_are_sentences(state):
    told = wardbox(state, "serve")
    assert told.returncode == 1
    assert "install.sh" in told.stderr
    assert "Traceback" not in told.stderr
    (state / "settings.toml").write_text("[server]\nprot = 1\n", "utf-8")
    told = wardbox(state, "serve")
    assert told.returncode == 78
    assert "server.port" in told.stderr


@pytest.mark.slow
def test_help_names_every_command_and_bad_facts_are_a_sentence(state, tmp_path):
    told = wardbox(state, "--help")
    for name in (
        "serve",
        "supervise",
        "draft",
        "console",
        "train",
        "firmware",
        "vendor",
        "install",
    ):
        assert name in told.stdout
    facts = tmp_path / "facts.json"
    facts.write_text("[1]", "utf-8")
    for path in (facts, tmp_path / "nothing.json"):
        told = wardbox(state, "draft", "admission-note", "--facts", str(path))
        assert told.returncode == 1
        assert "command.file-unreadable" in told.stderr
    told = wardbox(state, "key", "create", "x" * 65)
    assert told.returncode in {1, 3}
    assert "Traceback" not in told.stderr
