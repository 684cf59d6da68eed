"""The peers' harness: exact pins, groups that end to the last process, sentences instead of tracebacks."""

import sys
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.peers import environments, table
from tests.benchmarks.peers.environments import Unavailable
from tests.benchmarks.peers.processes import group, wait_until

_FAMILY = """
import subprocess, sys, time
argv = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(argv).pid, subprocess.Popen(argv, start_new_session=True).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("peer", table.PEERS, ids=lambda peer: peer.name)
def test_every_pin_is_exact_and_names_the_peer(peer: table.Peer) -> None:
    pins = (environments.PINS / f"{peer.name}.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in pins if not line.startswith("#")]
    assert all(line.count("==") == 1 and " " not in line for line in packages)
    assert not any(line.startswith(("torch", "nvidia-cu")) for line in packages)
    assert environments.version(peer.name)


def test_a_group_ends_with_children_that_left_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with group([sys.executable, "-c", _FAMILY], log) as process:
        wait_until("family", process, log, 60, lambda: len(log.read_text().split()) == 2)
        family = [psutil.Process(int(pid)) for pid in log.read_text().split()]
    gone, alive = psutil.wait_procs(family, 30)
    assert (len(gone), alive) == (2, [])


def test_a_peer_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        group([sys.executable, "-c", "import sys; sys.exit('no licence')"], log) as process,
        pytest.raises(Unavailable, match="no licence"),
    ):
        wait_until("peer", process, log, 60, lambda: False)


@pytest.mark.parametrize("peer", table.PEERS, ids=lambda peer: peer.name)
def test_a_peer_that_cannot_be_had_is_told_in_a_sentence(
    peer: table.Peer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ready(name: str) -> Path:
        environments.run(
            f"installing {name}", [sys.executable, "-c", "raise OSError('no network')"]
        )
        return Path(name)

    monkeypatch.setattr(table, "ready", ready)
    table.attempt(peer, 1.0)
    told = f"  not measured: installing {peer.name} failed: OSError: no network\n"
    assert capsys.readouterr().out == told


def test_what_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        group([sys.executable, "-c", "import time; time.sleep(600)"], log) as process,
        pytest.raises(Unavailable, match="did not answer within 1 s"),
    ):
        wait_until("peer", process, log, 1, lambda: False)
