"""Step: the system packages that the box and its engine build need."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from installer.errors import PackagesMissing
from installer.host import Command, Host

PROGRAMS: Mapping[str, str] = {
    "gcc": "gcc",
    "g++": "g++",
    "cmake": "cmake",
    "ninja": "ninja-build",
    "gocryptfs": "gocryptfs",
    "fusermount3": "fuse3",
    "tar": "tar",
}
"""Program that must be on PATH -> Debian package that brings it."""


@dataclass(frozen=True, slots=True)
class SystemPackages:
    """Installs what is missing with apt when root, and names it exactly when not."""

    find: Callable[[str], str | None] = shutil.which
    is_root: Callable[[], bool] = lambda: os.geteuid() == 0

    name = "packages"
    title = "系统软件包 system packages"

    def missing(self) -> tuple[str, ...]:
        """Debian packages whose program is not on PATH."""
        return tuple(package for program, package in PROGRAMS.items() if self.find(program) is None)

    def needed(self) -> bool:
        """True while a program is missing."""
        return bool(self.missing())

    def apply(self, host: Host) -> None:
        """Install them with apt.

        Raises:
            PackagesMissing: when not root, with the command to give to an administrator.
        """
        names = self.missing()
        if not self.is_root():
            raise PackagesMissing(names=" ".join(names))
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        host.run(Command(("apt-get", "update", "-q"), environment=quiet))
        host.run(
            Command(
                ("apt-get", "install", "-y", "-q", "--no-install-recommends", *names),
                environment=quiet,
            )
        )

    def undo(self, host: Host) -> None:
        """System packages stay: other programs may have come to rely on them."""
