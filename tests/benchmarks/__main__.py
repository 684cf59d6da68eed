"""Every benchmark, one after the other: `python -m tests.benchmarks [NAME ...] [--OPTION ...]`.

Each prints ratios measured in one run against a peer or the machine's limit. Run them on a quiet machine;
options go to the one benchmark that is named before them, as in `gateway --peers`. `box` needs a box that
is up and unlocked ($WARDBOX_STATE).
"""

import os
import subprocess
import sys

NAMES = (
    "audit",
    "gateway",
    "streaming",
    "slow_clients",
    "end_to_end",
    "company",
    "homomorphic",
    "training",
    "storage",
    "updates",
    "box",
)
LONG = ("soak", "audit_kills", "audit_search")
"""Run only when named: an hour, unless told otherwise; minutes of kills; a log of ten million entries."""


def main(words: list[str]) -> int:
    # An option may have a value, so whatever follows the first one belongs to the options.
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    wanted, options = words[:first], words[first:]
    unknown = set(wanted) - {*NAMES, *LONG}
    if unknown:
        there = ", ".join((*NAMES, *LONG))
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {there}")
        return 2
    if options and len(wanted) != 1:
        print(f"{' '.join(options)}: options are for one benchmark, named before them")
        return 2
    failed = 0
    for name in wanted or NAMES:
        load = os.getloadavg()[0]
        print(f"\n== {name} (load {load:.1f} on {os.cpu_count()} cores)", flush=True)
        failed += subprocess.call([sys.executable, "-m", f"tests.benchmarks.{name}", *options]) != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
