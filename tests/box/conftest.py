"""A whole box, installed by the installer itself into a scratch directory, with the real engine."""

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "models/reference_model/wardbox-reference.gguf"


@dataclass
class Box:
    """An installed box."""

    state: Path
    port: int
    secrets: dict[str, str]
    said: str

    @property
    def environment(self):
        return {**os.environ, "WARDBOX_STATE": str(self.state)}

    def run(self, *words, given=None, check=True):
        """Run `./wardbox WORDS`; a traceback is never right."""
        done = subprocess.run(
            [ROOT / "wardbox", *words],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def pid(self, name):
        return int((self.state / "run" / f"{name}.pid").read_text())


def install(state, answers):
    done = subprocess.run(
        [ROOT / "install.sh", "--state", state, "--answers", answers],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def read_secrets(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "  " in line]
    words = [line.split() for line in lines if len(line.split()) > 2]
    return {row[1]: row[-1] for row in words}


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    """Install one, give it to the tests, and remove it again."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or shutil.which("gocryptfs") is None:
        pytest.skip("a whole box needs /dev/fuse and gocryptfs")
    scratch = tmp_path_factory.mktemp("box")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answers = scratch / "answers.toml"
    answers.write_text(
        f'port = {port}\naddress = "127.0.0.1"\nservice = "background"\n'
        'secrets_file = "secrets.txt"\nhospital = "测试医院"\n',
        encoding="utf-8",
    )
    state = scratch / "state"
    said = install(state, answers)
    made = Box(state, port, read_secrets(scratch / "secrets.txt"), said)
    made.answers = answers
    yield made
    subprocess.run([ROOT / "install.sh", "--state", state, "--uninstall", "--yes"], check=True)
    assert not state.exists()
