"""Which sticks are there: mounted folders of removable media, and whether they hold a bundle."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.updates.fetcher import METADATA

_PLACES: Final = ("/media", "/run/media", "/mnt")
_FOLDERS: Final = ("", "wardbox", "wardbox-update")
_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class MountedStick:
    """A mounted folder.

    Attributes:
        directory: Where, or the folder of a bundle on it.
        bundle: Whether it looks like a bundle of updates; nothing of it is believed yet.
    """

    directory: Path
    bundle: bool


def mounted(mounts: Path = Path("/proc/self/mounts")) -> tuple[MountedStick, ...]:
    """Every mounted medium, those with a bundle first.

    Args:
        mounts: The kernel's list of mounts.
    """
    found = []
    for place in _removable(mounts):
        bundles = [folder for folder in _candidates(place) if _is_bundle(folder)]
        found += [MountedStick(folder, bundle=True) for folder in bundles]
        if not bundles:
            found.append(MountedStick(place, bundle=False))
    return tuple(sorted(found, key=lambda one: (not one.bundle, str(one.directory)))[:_MOST])


def _removable(mounts: Path) -> Iterator[Path]:
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split(" ")
        if len(words) > 1:
            place = _unescaped(words[1])
            if place.startswith(tuple(f"{one}/" for one in _PLACES)) or place == "/mnt":
                yield Path(place)


def _unescaped(text: str) -> str:
    """The kernel writes blanks, tabs, line ends and backslashes as three octal digits."""
    for octal, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, sign)
    return text


def _candidates(place: Path) -> Iterator[Path]:
    for name in _FOLDERS:
        yield place / name


def _is_bundle(folder: Path) -> bool:
    try:
        return (folder / METADATA / "timestamp.json").is_file()
    except OSError:
        return False
