"""Step: the system packages that the box and its engine build need."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from appliance.vault.luks_support import PROGRAMS as LUKS
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
    "pkg-config": "pkg-config",
}
"""Program that must be on PATH -> Debian package that brings it."""


CHECKING: Mapping[str, str] = {
    "git": "git",
    "objdump": "binutils",
    "/usr/sbin/slapd": "slapd",
    "swtpm": "swtpm",
    "/usr/libexec/tangd": "tang",
    "/usr/sbin/sshd": "openssh-server",
    "age": "age",
    "/usr/sbin/cryptsetup": "cryptsetup-bin",
    # The receiver of forwarded entries; what speaks TLS for it brings the rest.
    "/usr/sbin/rsyslogd": "rsyslog-gnutls",
}
"""What the checks need beside: programs and their packages."""
BUILDING = frozenset(("gcc", "g++", "cmake", "ninja", "pkg-config"))
"""Not asked for where environment and engine came ready to run."""
LIBRARIES: Mapping[str, str] = {
    "tss2-esys": "libtss2-esys-3.0.2-0",
    "tss2-rc": "libtss2-rc0",
    "tss2-fapi": "libtss2-fapi1",
    "tss2-tcti-device": "libtss2-tcti-device0",
}
"""What the binding of the TPM's stack loads; where it is built, its headers bring them."""
PYTHON_HEADERS = "libpython3.11-dev"
"""Compiling the hot path needs them; another Python than the system's brings its own."""
TPM_HEADERS = "libtss2-dev"
"""The binding of the TPM's software stack is built against them."""
PYTHON_LIBRARY = "libpython3.11"
"""PyInstaller needs the shared library, which Debian's python3 leaves out."""


@dataclass(frozen=True, slots=True)
class SystemPackages:
    """Installs what is missing with apt when root, and names it exactly when not."""

    group: str = "run"
    find: Callable[[str], str | None] = shutil.which
    find_library: Callable[[str], str | None] = find_library
    building: bool = True
    luks: bool = False
    tpm_header: Path = Path("/usr/include/tss2/tss2_esys.h")
    is_root: Callable[[], bool] = lambda: os.geteuid() == 0

    name = "packages"
    title = "系统软件包 system packages"

    def missing(self) -> tuple[str, ...]:
        """Debian packages whose program is not on PATH."""
        programs = PROGRAMS if self.group == "run" else {**PROGRAMS, **CHECKING}
        if self.luks:
            programs = {**programs, **LUKS}
        if not self.building:
            programs = {name: brought for name, brought in programs.items() if name not in BUILDING}
            absent = [brought for name, brought in programs.items() if self.find(name) is None]
            absent += [
                brought for name, brought in LIBRARIES.items() if not self.find_library(name)
            ]
            return tuple(absent)
        missing = [package for program, package in programs.items() if self.find(program) is None]
        if self._lacks_headers():
            missing.append(PYTHON_HEADERS)
        if not self.tpm_header.exists():
            missing.append(TPM_HEADERS)
        if self.group != "run" and self._lacks_library():
            missing.append(PYTHON_LIBRARY)
        return tuple(missing)

    def _lacks_headers(self) -> bool:
        own = Path("/usr/include/python3.11/Python.h")
        return sys.base_prefix == "/usr" and not own.exists()

    def _lacks_library(self) -> bool:
        own = Path(sys.base_prefix, "lib", f"{PYTHON_LIBRARY}.so.1.0")
        return not own.exists() and self.find_library("python3.11") is None

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
