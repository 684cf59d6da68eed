"""The keys of a whole box: replaced while it serves, kept over a kill, a database's over a lock."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]


def _keys(box):
    return json.loads(box.run("vault", "keys", "--json").stdout)


def _await_unlocked(box):
    ends = time.monotonic() + 120
    while box.run("vault", "status", check=False).returncode != 0:
        assert time.monotonic() < ends
        time.sleep(0.5)


def test_no_key_holding_process_can_be_dumped(box):
    assert _keys(box)["memory"]["dumpable"] is False
    limits = Path(f"/proc/{box.pid('serve')}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core"))
    assert core.split()[4] == "0"


def test_the_root_is_replaced_and_survives_a_kill(box):
    before = _keys(box)
    box.run("vault", "rotate")
    after = _keys(box)
    assert after["root"] != before["root"]
    assert [key["use"] for key in after["keys"]] == [key["use"] for key in before["keys"]]
    os.kill(box.pid("serve"), signal.SIGKILL)
    _await_unlocked(box)
    assert _keys(box)["root"] == after["root"]


def test_both_databases_take_a_new_key_at_the_next_unlock(box):
    for use in ("box.db", "audit.db"):
        box.run("vault", "rotate", "--use", use)
    box.run("vault", "lock")
    box.run("vault", "unlock", given=box.secrets["recovery"] + "\n")
    _await_unlocked(box)
    now = {(key["use"], key["version"], key["state"]) for key in _keys(box)["keys"]}
    assert {("box.db", 2, "current"), ("audit.db", 2, "current")} <= now
    assert not any(state == "next" for _, _, state in now)
    # Both are read and written under their new keys.
    assert "vault:root:unlock" in box.run("audit", "tail").stdout
    box.run("usage", "show")
