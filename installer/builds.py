"""Builds that installations share: each made once, whole or not at all, the oldest dropped."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from appliance.compiled import mark

KEPT = 4
"""Builds that stay; older ones go when a new one is made."""


def build_once(build: Path, make: Callable[[Path], Path]) -> None:
    """Have a build made, whole or not at all, however many installations ask for it at once.

    Args:
        build: where it shall lie; one that is whole stays as it is.
        make: makes the libraries in an empty folder and tells where they lie in it.
    """
    build.parent.mkdir(parents=True, exist_ok=True)
    with (build.parent / "lock").open("a") as lock:
        # Builds are shared by every box of this environment: who comes second finds it made.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark(build).exists():
            return
        for left in build.parent.glob("making-*"):
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix="making-", dir=build.parent) as folder:
            made = make(Path(folder))
            mark(made).write_text("complete\n", encoding="utf-8")
            shutil.rmtree(build, ignore_errors=True)
            made.rename(build)
        for old in _oldest(build.parent):
            shutil.rmtree(old)


def _oldest(folder: Path) -> list[Path]:
    builds = [path.parent for path in folder.glob("*/complete")]
    return sorted(builds, key=lambda path: mark(path).stat().st_mtime)[:-KEPT]
