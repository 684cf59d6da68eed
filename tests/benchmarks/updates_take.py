"""What a box does with a stick before anything is applied, timed: its part of `updates`."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path

from appliance.updates.anchor import new_anchor
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.staging import Staging
from appliance.updates.verify import verify_metadata


def take(root: Path, bundle: Path, staged: Path, now: datetime) -> None:
    """Judge and copy a bundle; prints wall seconds, processor seconds of all threads, peak memory in MB."""
    began, used = time.perf_counter(), time.process_time()
    with Stick(bundle) as stick:
        found = verify_metadata(stick, new_anchor(root.read_bytes()), now)
        staging = Staging(staged, found.bundle, Holdings.none())
        staging.prepare(found.packages)
        staging.take(stick, found.packages)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(json.dumps([wall, cpu, int(status.partition("VmHWM:")[2].split()[0]) >> 10]))


if __name__ == "__main__":
    take(*map(Path, sys.argv[1:4]), datetime.fromisoformat(sys.argv[4]))
