"""`./test.sh --vm`: a whole machine is built, booted and put through five scenes; see README below.

`--run DIR` goes on where an earlier run in that directory stopped; `--kvm no` never tries KVM.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from installer.installation import site_of
from tests.vm.agent import AgentSilentError, GuestFailedError
from tests.vm.image import base_image
from tests.vm.ledger import Ledger, UnexpectedError
from tests.vm.medium import NotBuiltError, build_medium
from tests.vm.needs import install_packages, lacks
from tests.vm.places import HOUSE, Places, default_cache
from tests.vm.play import Play

SKIPPED = 77
"""Exit status: this computer cannot run the test; the reason was told."""


def main() -> int:
    """Run what is not done yet.

    Returns:
        0 every scene was seen, 1 one was not, 77 this computer cannot run them.
    """
    parser = argparse.ArgumentParser(prog="test.sh --vm")
    parser.add_argument("--run", type=Path, help="go on in this directory")
    parser.add_argument("--keep", action="store_true", help="leave disks and logs behind")
    parser.add_argument("--kvm", choices=("auto", "no"), default="auto")
    parser.add_argument(
        "--interpreted", action="store_true", help="do not compile the hot path for the medium"
    )
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    cache = default_cache()
    lack = lacks(cache)
    if lack is not None:
        print(f"整机测试未运行 the whole-machine test did NOT run: {lack}")
        return SKIPPED
    run = args.run or Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    run.mkdir(parents=True, exist_ok=True)
    places = Places(cache, run)
    ledger = Ledger(places)
    os.nice(10)
    try:
        install_packages(cache / "packages.log")
        _all(places, ledger, args)
    except (UnexpectedError, AgentSilentError, GuestFailedError, NotBuiltError) as error:
        ledger.say(f"✗ {error}")
        ledger.say(f"logs and disks: {run}; go on with: ./test.sh --vm --run {run}")
        return 1
    _keep_log(places)
    if not args.keep and args.run is None:
        shutil.rmtree(run)
    return 0


def _all(places: Places, ledger: Ledger, args: argparse.Namespace) -> None:
    ledger.say(f"run {places.run}")
    image = base_image(places)
    ledger.say(f"image {image.name}")
    medium = places.run / "medium.img"
    if "medium" not in ledger.done():
        ledger.say("medium ...")
        medium = build_medium(places, site_of(args, HOUSE), image, compiled=not args.interpreted)
        ledger.keep("medium", medium.name)
    ledger.say(f"medium {medium.stat().st_size >> 20} MiB")
    Play(places, ledger, image, medium).act(try_kvm=args.kvm == "auto")
    ledger.say("五个场景全部通过 all five scenes were seen")


def _keep_log(places: Places) -> None:
    shutil.copyfile(places.log, places.cache / "last-scenes.log")


if __name__ == "__main__":
    sys.exit(main())
