"""What the whole-machine test needs of this computer, and how it gets it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

PROGRAMS: Mapping[str, str] = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "swtpm": "swtpm",
    "mmdebstrap": "mmdebstrap",
    "mformat": "mtools",
    "unshare": "util-linux",
    "/usr/sbin/mke2fs": "e2fsprogs",
    "/usr/sbin/sfdisk": "fdisk",
}
"""Program -> Debian package that brings it."""
FILES: Mapping[Path, str] = {Path("/usr/share/OVMF/OVMF_CODE_4M.ms.fd"): "ovmf"}
FREE_BYTES = 12 << 30
MEMORY_BYTES = 6 << 30


def missing_packages(find: Callable[[str], str | None] = shutil.which) -> tuple[str, ...]:
    """Debian packages that are not here."""
    programs = [package for program, package in PROGRAMS.items() if find(program) is None]
    return (*programs, *(package for path, package in FILES.items() if not path.exists()))


def lacks(cache: Path) -> str | None:
    """Why this computer cannot run the test at all, or None; changes nothing."""
    if missing_packages() and (os.geteuid() != 0 or shutil.which("apt-get") is None):
        names = " ".join(missing_packages())
        return f"missing packages: {names} (apt-get install -y --no-install-recommends {names})"
    if os.geteuid() != 0:
        return "building the image takes root"
    cache.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(cache).free < FREE_BYTES:
        return f"less than {FREE_BYTES >> 30} GiB are free in {cache}"
    if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < MEMORY_BYTES:
        return f"less than {MEMORY_BYTES >> 30} GiB of memory"
    return None


def install_packages(log: Path) -> None:
    """Install what is missing with apt; root only."""
    names = missing_packages()
    if not names:
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "install", "-y", "-q", "--no-install-recommends", *names)
    with log.open("a") as stream:
        for argv in (("apt-get", "update", "-q"), apt):
            subprocess.run(argv, check=True, env=quiet, stdout=stream, stderr=subprocess.STDOUT)
