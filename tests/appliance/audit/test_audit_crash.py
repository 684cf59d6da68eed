"""Killed in the middle of writing, or out of disk: what was acknowledged is there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.audit.reading import Query
from appliance.audit.verify import verify
from tests.appliance.audit.crashing_writer import opened

ROOT = Path(__file__).parents[3]


def writer(path, where, limit=0):
    words = [str(path), where, str(limit)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.appliance.audit.crashing_writer", *words],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def check(path, where, said):
    kept = [line.split() for line in said if line.startswith("kept ") and line.endswith("\n")]
    log = opened(path, where)
    try:
        for _, index, name in kept:
            assert log.reader.entry(int(index)).event.actor == f"key:{name}"
        report = verify(log.reader)
        assert report.ok, report.sentence
        tags = [entry.event.tag for entry in log.reader.search(Query(tag="box:*"))]
    finally:
        log.close()
    return kept, tags


@pytest.mark.parametrize("where", ["here", "apart"])
@pytest.mark.parametrize("lines", [1, 700])
def test_every_acknowledged_event_survives_a_kill(tmp_path, where, lines):
    path = tmp_path / "audit.db"
    with writer(path, where) as process:
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    kept, tags = check(path, where, said)
    assert len(kept) >= lines
    assert tags[:2] == ["box:audit:start", "box:audit:unclean-stop"]
    kept, tags = check(path, where, [])
    assert tags[0] == "box:audit:start"
    assert "box:audit:stop" in tags


@pytest.mark.parametrize("where", ["here", "apart"])
def test_a_disk_that_fills_refuses_and_what_was_acknowledged_stays(tmp_path, where):
    path = tmp_path / "audit.db"
    with writer(path, where, 600_000) as process:
        said, _ = process.communicate(timeout=60)
    lines = said.splitlines(keepends=True)
    assert sum(line.startswith("refused") for line in lines) == 16
    kept, _ = check(path, where, lines)
    assert len(kept) > 50
