"""The audit log under `kill -9`: `python -m tests.benchmarks.audit_kills [--kills 200] [--seed N]`.

Sixteen clients write without pause; the writing process, or the whole box, is killed at random moments.
Afterwards every acknowledged event must be there, and every checkpoint that was handed out must hold.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from tests.appliance.audit.crash_loop import crash_loop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, default=None)
    args = parser.parse_args()
    place, begun = Path(tempfile.mkdtemp(dir=args.place)), time.monotonic()
    try:
        found = crash_loop(place / "audit.db", args.kills, args.seed)
    finally:
        shutil.rmtree(place)
    print(f"kills                         {found.box_kills + found.writer_kills:10,}")
    print(f"  of the writing process      {found.writer_kills:10,}")
    print(f"  of the whole box            {found.box_kills:10,}")
    print(f"acknowledged events           {len(found.kept):10,}   lost 0")
    print(f"refused events                {found.refused:10,}")
    print(f"entries of the log            {found.entries:10,}   verified")
    print(f"checkpoints handed out        {len(found.roots):10,}   each holds in the last tree")
    print(f"unclean stops on the record   {found.unclean:10,}")
    print(f"gaps on the record            {found.gaps:10,}")
    print(f"seconds                       {time.monotonic() - begun:10,.0f}")


if __name__ == "__main__":
    main()
