"""A box that is killed again and again in the middle of forwarding: the receiver misses nothing."""

import subprocess
import sys
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from tests.appliance.forwarding.receiver import Strict, missing, wait_for

ROOT = Path(__file__).parents[3]
KILLS = 6


def arrived(receiver: Strict, end: int) -> bool:
    return missing(receiver.seqs(), 0, end) == []


@pytest.mark.slow
def test_kills_in_the_middle_lose_no_entry(tmp_path, papers, strict, sending):
    receiver = strict()
    sending.close()
    folder = tmp_path / "box"
    folder.mkdir()
    size = 0
    for number in range(KILLS):
        argv = [
            sys.executable, "-m", "tests.appliance.forwarding.crashing_box",
            str(folder), str(papers.folder), str(receiver.port),
        ]  # fmt: skip
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            size = max(int(line) for line in islice(process.stdout, 5 + 7 * number))
            if number == KILLS - 1:
                wait_for(partial(arrived, receiver, size))
            process.kill()
    assert missing(receiver.seqs(), 0, size) == []
    # Each entry says the same however often it came.
    seen: dict[int, bytes] = {}
    for one in receiver.messages:
        assert seen.setdefault(one.seq, one.body) == one.body
