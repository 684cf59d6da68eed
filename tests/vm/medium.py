"""The software medium: this checkout with its environment and engine, unpacked on a labelled disk."""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

from installer.places import MADE_FOR, Site, pins_digest
from tests.vm.image import python_of
from tests.vm.places import HOUSE, Places

LABEL = "wardbox-medium"
CHECKOUT = "wardbox"
_SPARE = 1.15
_LEFT_OUT = ("*.pyc", "__pycache__")
_DIGEST = """
import sys
from pathlib import Path
sys.version = Path(sys.argv[1]).read_text().rstrip("\\n")
sys.path.insert(0, sys.argv[2])
from appliance.compiled import digest
print(digest(Path(sys.argv[2])))
"""


class NotBuiltError(Exception):
    """Environment or engine of this checkout are missing."""


def build_medium(places: Places, site: Site, image: Path, *, compiled: bool = True) -> Path:
    """Make the medium from what is built here; nothing is fetched.

    Args:
        places: where the run is.
        site: environment and engine of this checkout.
        image: the system that it is for.
        compiled: whether the hot path is compiled, which takes minutes where its sources are new.

    Raises:
        NotBuiltError: `./test.sh` or `./install.sh` has not made environment and engine yet.
    """
    if not (site.environment / "complete-run").exists() or not site.engine.exists():
        raise NotBuiltError(f"{site.environment} or {site.engine} is not built; run ./install.sh")
    tree, path = places.run / "medium", places.run / "medium.img"
    shutil.rmtree(tree, ignore_errors=True)
    house = tree / CHECKOUT
    _checkout(house)
    offline = house / "offline"
    offline.mkdir(parents=True)
    _link_tree(site.engine, offline / "engine" / site.engine.name)
    _link_tree(site.environment, offline / "environment", left_out="compiled")
    (offline / "environment" / MADE_FOR).write_text(pins_digest(site.pins))
    if compiled:
        _compiled(site, image, house)
    (house / ".venv").symlink_to("offline/environment")
    write_image(tree, LABEL, path)
    shutil.rmtree(tree)
    return path


def write_image(tree: Path, label: str, path: Path) -> None:
    """A disk image that holds a folder, and that nobody writes to again.

    Args:
        tree: the folder.
        label: of its file system.
        path: where the image goes; one that is there is replaced.
    """
    size = int(_measure(tree) * _SPARE) + (64 << 20)
    path.unlink(missing_ok=True)
    # Blocks of 4 KiB and no journal: nobody writes to it again.
    words = ("/usr/sbin/mke2fs", "-q", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-m", "0")
    named = ("-L", label, "-d", str(tree), str(path), f"{size >> 10}k")
    subprocess.run(("nice", "-n", "19", *words, *named), check=True)


def _checkout(house: Path) -> None:
    """What git knows or would take, as it stands in the working tree."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=HOUSE, check=True, capture_output=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source = HOUSE / name
        if source.is_file():
            (house / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, house / name)
    # The medium is read-only: what every program would compile is compiled once, here.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for package in (
        "appliance",
        "eval",
        "firmware_checks",
        "installer",
        "models",
        "secure_compute",
        "tui",
    ):
        compileall.compile_dir(house / package, quiet=2, invalidation_mode=mode)


def _compiled(site: Site, image: Path, house: Path) -> None:
    """The compiled hot path of these sources, under the name that the machine's Python gives it."""

    def named(version: str) -> str:
        words = (sys.executable, "-c", _DIGEST, version, str(house))
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    own = house.parent / "python"
    own.write_text(sys.version)
    name = named(str(own))
    own.unlink()
    build = site.environment / "compiled" / name
    if not build.exists():
        subprocess.run(
            (str(site.python), "-m", "installer.compiling", str(build)), cwd=house, check=True,
            env={**os.environ, "PYTHONPATH": str(house), "PYTHONSAFEPATH": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )  # fmt: skip
    place = house / "offline" / "environment" / "compiled" / named(str(python_of(image)))
    _link_tree(build, place)


def _link_tree(source: Path, target: Path, left_out: str = "") -> None:
    """The same files by hard links, so that a gigabyte is not copied twice."""
    target.parent.mkdir(parents=True, exist_ok=True)
    ignore = shutil.ignore_patterns(left_out) if left_out else None

    def place(one: str, other: str) -> str:
        try:
            os.link(one, other, follow_symlinks=False)
        except OSError:
            shutil.copy2(one, other, follow_symlinks=False)
        return other

    shutil.copytree(source, target, symlinks=True, ignore=ignore, copy_function=place)


def _measure(tree: Path) -> int:
    """Bytes in whole blocks, and one for each name."""
    total = 0
    for folder, folders, files in os.walk(tree):
        total += 4096 * (len(folders) + 1)
        for name in files:
            total += (os.lstat(Path(folder) / name).st_size | 4095) + 1 + 512
    return total
