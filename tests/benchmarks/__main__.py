"""Every benchmark, one after the other: `python -m tests.benchmarks [NAME ...]`.

Each prints ratios measured in one run against a peer or the machine's limit. Run them on a quiet machine;
`box` needs a box that is up and unlocked ($WARDBOX_STATE).
"""

import os
import subprocess
import sys

NAMES = ("audit", "gateway", "streaming", "homomorphic", "training", "box")


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
        return 2
    failed = 0
    for name in wanted or NAMES:
        load = os.getloadavg()[0]
        print(f"\n== {name} (load {load:.1f} on {os.cpu_count()} cores)", flush=True)
        failed += subprocess.call([sys.executable, "-m", f"tests.benchmarks.{name}"]) != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
