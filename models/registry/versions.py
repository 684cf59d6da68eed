"""Versions of one model on the shelf: they stand beside each other, and one of them is served.

The first version of a model lies in the model's own folder, every later one in a folder of its own
below it, named by its manifest. A small file says which one is served; it is replaced by one rename,
so that after a power cut the old or the new version is served, never neither. A version keeps its
path for as long as it is there: an engine that starts anew reads the weights that it began with.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from models.errors import ModelDamaged
from models.registry.intake import sync_folder, write_file
from models.registry.manifest import Manifest
from models.registry.package import CARD, damaged

MANIFEST: Final = "manifest.json"
FILES: Final = "files"
CURRENT: Final = "current"
VERSIONS: Final = "versions"
FIRST: Final = "first"
_FRESH: Final = ".current.new"
_NAME: Final = re.compile(rf"{FIRST}|[0-9a-f]{{16}}")
_LONGEST: Final = 64


def standing(folder: Path) -> Path:
    """Where the version stands that is served.

    Args:
        folder: The folder of the model.

    Raises:
        ModelDamaged: The file that names it makes no sense.
    """
    return place(folder, _pointed(folder))


def place(folder: Path, name: str) -> Path:
    """Where a version of a model stands, by its name."""
    return folder if name == FIRST else folder / VERSIONS / name


def name_of(manifest: Manifest) -> str:
    """The name of a later version."""
    return manifest.digest[:16]


def names(folder: Path) -> Iterator[str]:
    """The names of the versions that are there."""
    if (folder / MANIFEST).is_file():
        yield FIRST
    if (folder / VERSIONS).is_dir():
        for below in sorted((folder / VERSIONS).iterdir()):
            if (below / MANIFEST).is_file():
                yield below.name


def move_in(finished: Path, target: Path) -> None:
    """Put a finished version in its place by one rename, durably."""
    target.parent.mkdir(mode=0o750, exist_ok=True)
    for folder, _, _ in os.walk(finished):
        sync_folder(Path(folder))
    finished.rename(target)
    sync_folder(target.parent)
    sync_folder(target.parent.parent)


def point(folder: Path, name: str) -> None:
    """Serve a version from now on; durable once this returns."""
    fresh = folder / _FRESH
    fresh.unlink(missing_ok=True)
    write_file(fresh, f"{name}\n".encode("ascii"))
    fresh.replace(folder / CURRENT)
    sync_folder(folder)


def forget(folder: Path, name: str) -> None:
    """Remove a version that is not served."""
    gone = place(folder, name)
    if name == FIRST:
        # Its manifest goes first: without one it is no version any more.
        for part in (MANIFEST, CARD):
            (gone / part).unlink(missing_ok=True)
        gone = gone / FILES
    shutil.rmtree(gone, ignore_errors=True)


def _pointed(folder: Path) -> str:
    try:
        with (folder / CURRENT).open("rb") as stream:
            name = stream.read(_LONGEST).decode("ascii").strip()
    except FileNotFoundError:
        return FIRST
    except (OSError, ValueError) as error:
        raise _unreadable(folder) from error
    if not _NAME.fullmatch(name):
        raise _unreadable(folder)
    return name


def _unreadable(folder: Path) -> ModelDamaged:
    return damaged(folder.name, "当前版本无法识别", "which version is served cannot be read")
