"""The slots of a box: releases in folders of their own, and the links that say which one counts."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from appliance.updates.trial import BLESSED, CURRENT, PREVIOUS, RELEASES
from installer.durable import make_folder, point, remove, rename, sync

MANIFEST: Final = ".package.json"
"""The manifest of the package that a release was made of; on the disk before the release counts."""
_UNFINISHED: Final = ".tmp"
_GOING: Final = ".gone"


@dataclass(frozen=True, slots=True)
class Slots:
    """Releases of one box.

    `current` leads to the release that the box runs, or tries; `blessed` to the one that was last
    found healthy, whose code decides; `previous` to the one before that. A release is a folder
    below `releases`, or the checkout from which the box was first installed.

    Attributes:
        place: The folder of all this.
    """

    place: Path

    @property
    def releases(self) -> Path:
        """The folder of the releases."""
        return self.place / RELEASES

    @property
    def current(self) -> Path | None:
        """The release that the box runs, resolved; None before the first change."""
        return self._led_to(CURRENT)

    @property
    def blessed(self) -> Path | None:
        """The release that was last found healthy."""
        return self._led_to(BLESSED)

    @property
    def previous(self) -> Path | None:
        """The release before that."""
        return self._led_to(PREVIOUS)

    def adopt(self, checkout: Path) -> None:
        """Where nothing leads anywhere yet, the software that was installed is current and blessed."""
        make_folder(self.releases)
        for name in (BLESSED, CURRENT):
            if not (self.place / name).is_symlink():
                self._lead(name, checkout)

    def release(self, version: str) -> Path:
        """Where a release of this version lies, or will lie."""
        return self.releases / version

    def unfinished(self, version: str) -> Path:
        """Where it is put together."""
        return self.releases / f"{version}{_UNFINISHED}"

    def holds(self, version: str, package: str) -> bool:
        """Whether the release of this version lies there, made of this very package."""
        try:
            raw = (self.release(version) / MANIFEST).read_bytes()
        except OSError:
            return False
        return sha256(raw).hexdigest() == package

    def finish(self, version: str, tree: Path) -> None:
        """Let a release that was put together count: one rename, after all of it is on the disk."""
        rename(tree, self.release(version))

    def flip(self, release: Path) -> None:
        """Let the box run another release from its next start on."""
        self._lead(CURRENT, release)

    def bless(self, release: Path, before: Path) -> None:
        """A release was found healthy: its code decides from now on, and the one before is kept."""
        self._lead(PREVIOUS, before)
        self._lead(BLESSED, release)

    def clear(self, version: str) -> None:
        """Take a release away that nothing leads to."""
        self._put_away(self.release(version))
        remove(self.unfinished(version))

    def sweep(self) -> tuple[str, ...]:
        """Remove what no link leads to; the names of the releases that went.

        A release goes by one rename first, so that half of one never has its name.
        """
        kept = self._kept()
        gone = []
        for path in sorted(self.releases.iterdir()) if self.releases.is_dir() else ():
            if path.suffix in {_UNFINISHED, _GOING}:
                remove(path)
            elif path.resolve() not in kept:
                self._put_away(path)
                gone.append(path.name)
        return tuple(gone)

    def _kept(self) -> set[Path]:
        """Releases that a link leads to, and those whose environment or engine they use."""
        found = {path for path in (self.current, self.blessed, self.previous) if path is not None}
        for release in tuple(found):
            environment = (release / ".venv").resolve()
            if environment.is_relative_to(self.releases.resolve()):
                inside = environment.relative_to(self.releases.resolve())
                found.add(self.releases.resolve() / inside.parts[0])
        return found

    def _put_away(self, release: Path) -> None:
        if release.exists():
            going = release.with_name(f"{release.name}{_GOING}")
            remove(going)
            rename(release, going)
            remove(going)
            sync(self.releases)

    def _led_to(self, name: str) -> Path | None:
        link = self.place / name
        return link.resolve() if link.is_symlink() else None

    def _lead(self, name: str, release: Path) -> None:
        inside = release.parent.resolve() == self.releases.resolve()
        point(self.place / name, f"{RELEASES}/{release.name}" if inside else str(release))
