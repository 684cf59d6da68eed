"""A box that is killed again and again in the middle of a batch finishes it, each line once."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.appliance.batches.doomed_batch import LINES

ROOT = Path(__file__).parents[3]
KILLS = 3


@pytest.mark.slow
def test_no_line_is_lost_and_none_is_doubled(tmp_path):
    asked = tmp_path / "asked"
    argv = [sys.executable, "-m", "tests.appliance.batches.doomed_batch", str(tmp_path)]
    for kill in range(1, KILLS + 1):
        with subprocess.Popen(argv, cwd=ROOT) as process:
            wanted = kill * LINES // (KILLS + 1)
            deadline = time.monotonic() + 60
            while not asked.exists() or len(asked.read_text().splitlines()) < wanted:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.kill()
    subprocess.run(argv, cwd=ROOT, check=True, timeout=120)
    done = json.loads((tmp_path / "done").read_text())
    assert done["lines"] == sorted(f"c{n}" for n in range(LINES))
    # A line under way when the power went is asked again, and no other.
    times = asked.read_text().splitlines()
    assert set(times) == {f"n{n}" for n in range(LINES)}
    assert len(times) <= LINES + KILLS
    # On the disk nothing of it was ever plain: neither the file nor what grew into it.
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "done":
            assert b"said" not in path.read_bytes(), path
