"""Killed in the middle of writing, or out of disk: what was acknowledged is there."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.audit.reading import Query
from appliance.audit.verify import verify
from secure_compute.signing import SigningKey
from tests.appliance.audit.conftest import KEY

ROOT = Path(__file__).parents[3]


def writer(path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.appliance.audit.crashing_writer", str(path), *arguments],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def reopened(path):
    identity = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
    return AuditLog.open(path, KEY, identity, clock=lambda: datetime.now(UTC))


def check(path, said):
    kept = [line.split() for line in said if line.startswith("kept ") and line.endswith("\n")]
    log = reopened(path)
    try:
        for _, index, name in kept:
            assert log.reader.entry(int(index)).event.actor == f"key:{name}"
        report = verify(log.reader)
        assert report.ok, report.sentence
        tags = [entry.event.tag for entry in log.reader.search(Query(tag="box:*"))]
    finally:
        log.close()
    return kept, tags


@pytest.mark.parametrize("lines", [1, 150, 700])
def test_every_acknowledged_event_survives_a_kill(tmp_path, lines):
    path = tmp_path / "audit.db"
    with writer(path) as process:
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    kept, tags = check(path, said)
    assert len(kept) >= lines
    assert tags[:2] == ["box:audit:start", "box:audit:unclean-stop"]
    kept, tags = check(path, [])
    assert tags[0] == "box:audit:start"
    assert "box:audit:stop" in tags


def test_a_disk_that_fills_refuses_and_what_was_acknowledged_stays(tmp_path):
    path = tmp_path / "audit.db"
    with writer(path, str(600_000)) as process:
        said, _ = process.communicate(timeout=60)
    lines = said.splitlines(keepends=True)
    assert sum(line.startswith("refused") for line in lines) == 16
    kept, _ = check(path, lines)
    assert len(kept) > 50
