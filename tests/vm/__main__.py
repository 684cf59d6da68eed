"""`./test.sh --vm`: a whole machine is built, booted and put through eight scenes.

`--run DIR` goes on where an earlier run in that directory stopped; with `--from 4` it plays scene 4 and
those after it again, on the machine as it was before it, and with `--to 4` none after it. `--kvm no`
never tries KVM; `--ci` runs only where something that the scenes depend on has changed since they were
last seen.
docs/operate/storage.md tells of the scenes.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.installation import site_of
from tests.vm.agent import AgentSilentError, GuestFailedError
from tests.vm.image import base_image
from tests.vm.ledger import Ledger, UnexpectedError
from tests.vm.medium import NotBuiltError, build_medium
from tests.vm.monitor import MonitorRefusedError
from tests.vm.needs import install_packages, lacks
from tests.vm.places import HOUSE, Places, default_cache
from tests.vm.play import NAMES, Play
from tests.vm.stick import build_stick

WATCHED = ("appliance/vault", "appliance/backup", "appliance/updates", "installer", "firmware_checks",
           "secure_compute", "tests/vm")  # fmt: skip
SKIPPED = 77
"""Exit status: this computer cannot run the test; the reason was told."""


class StoppedError(Exception):
    """Somebody ends the run; whoever waits for the machine does not take it for its silence."""


def main() -> int:
    """Run what is not done yet.

    Returns:
        0 every scene was seen, 1 one was not, 77 this computer cannot run them.
    """
    parser = argparse.ArgumentParser(prog="test.sh --vm")
    parser.add_argument("--run", type=Path, help="go on in this directory")
    parser.add_argument(
        "--from", dest="since", choices=NAMES, help="play this and later ones again"
    )
    parser.add_argument("--to", dest="until", choices=NAMES, default=NAMES[-1], help="play no more")
    parser.add_argument("--keep", action="store_true", help="leave disks and logs behind")
    parser.add_argument("--kvm", choices=("auto", "no"), default="auto")
    parser.add_argument(
        "--interpreted", action="store_true", help="do not compile the hot path for the medium"
    )
    parser.add_argument("--nice", type=int, default=10, help="how far it steps back for others")
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ci", action="store_true", help="only if changed, and within its minutes")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after this long; 0: never")
    args = parser.parse_args()
    cache = default_cache()
    lack = lacks(cache)
    if lack is not None:
        print(f"整机测试未运行 the whole-machine test did NOT run: {lack}")
        return SKIPPED
    watched = cache / f"seen-{watched_digest()}"
    if args.ci and watched.exists():
        print(f"整机测试未运行 the whole-machine test did NOT run: nothing changed since {watched}")
        return 0
    # Whoever ends this program ends the machine with it.
    signal.signal(signal.SIGTERM, _late)
    if args.minutes:
        signal.signal(signal.SIGALRM, _late)
        signal.setitimer(signal.ITIMER_REAL, args.minutes * 60)
    run = args.run or Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    run.mkdir(parents=True, exist_ok=True)
    places = Places(cache, run)
    ledger = Ledger(places)
    os.nice(args.nice)
    try:
        with _built(cache):
            install_packages(cache / "packages.log")
        _all(places, ledger, args)
    except (UnexpectedError, GuestFailedError, MonitorRefusedError) as error:
        return _tell(ledger, run, error, 1)
    except (AgentSilentError, NotBuiltError, StoppedError) as error:
        # A machine that is too slow proves nothing, neither good nor bad.
        return _tell(ledger, run, error, SKIPPED)
    if args.until == NAMES[-1]:
        shutil.copyfile(places.log, watched)
    if not args.keep and args.run is None:
        shutil.rmtree(run)
    return 0


def _all(places: Places, ledger: Ledger, args: argparse.Namespace) -> None:
    ledger.say(f"run {places.run}")
    with _built(places.cache):
        image = base_image(places)
    ledger.say(f"image {image.name}")
    medium = places.run / "medium.img"
    if "medium" not in ledger.done():
        ledger.say("medium ...")
        with _built(places.cache):
            site = site_of(args, HOUSE)
            medium = build_medium(places, site, image, compiled=not args.interpreted)
        ledger.keep("medium", medium.name)
    ledger.say(f"medium {medium.stat().st_size >> 20} MiB")
    if "fingerprint" not in ledger.done():
        with _built(places.cache):
            ledger.keep("fingerprint", build_stick(places))
    ledger.say(f"stick {places.stick.stat().st_size >> 20} MiB")
    play = Play(places, ledger, image, medium)
    if args.since is not None:
        play.back_to(args.since)
    play.act(try_kvm=args.kvm == "auto", until=args.until)
    if args.until == NAMES[-1]:
        ledger.say("八个场景全部通过 all eight scenes were seen")


@contextmanager
def _built(cache: Path) -> Iterator[None]:
    """What is only wanted for the test, and cannot be had here, says nothing about the box."""
    try:
        yield
    except subprocess.CalledProcessError as error:
        words = " ".join(map(str, error.cmd))[:200]
        raise NotBuiltError(f"status {error.returncode}: {words}; logs: {cache}") from error


def watched_digest() -> str:
    """A name for everything that the scenes are about: vault, installer, firmware and the scenes."""
    told = hashlib.sha256()
    for folder in WATCHED:
        place = HOUSE / folder
        for path in sorted(place.rglob("*.py")) if place.is_dir() else (place,):
            told.update(f"{path.relative_to(HOUSE)}\0".encode())
            told.update(hashlib.sha256(path.read_bytes()).digest())
    return told.hexdigest()[:12]


def _tell(ledger: Ledger, run: Path, error: Exception, status: int) -> int:
    word = "failed" if status == 1 else "did NOT run to its end"
    ledger.say(f"✗ {error}")
    ledger.say(f"整机测试 the whole-machine test {word}; logs and disks: {run}")
    ledger.say(f"go on with: ./test.sh --vm --run {run}")
    return status


def _late(_number: int, _frame: object) -> None:
    raise StoppedError("stopped from outside, or the minutes that were given are over")


if __name__ == "__main__":
    sys.exit(main())
