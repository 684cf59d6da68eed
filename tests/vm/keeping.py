"""The machine as it was before each scene, so that one scene can be played again without the others."""

import shutil
import subprocess

from tests.vm.places import Places

DISKS = ("system", "vault", "second")
_STORES = ("enrolled", "blank")


def keep(places: Places, name: str) -> None:
    """Keep disks (as snapshots inside their images), UEFI variables and the TPM under a name.

    The machine must be off. The folder is written last: while it is absent nothing was kept.
    """
    forget(places, name)
    part = places.kept(name).with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for disk in DISKS:
        _snapshot(places, "-c", name, disk)
    for store in _STORES:
        shutil.copyfile(places.variables(store), part / places.variables(store).name)
    if places.tpm.exists():
        shutil.copytree(places.tpm, part / places.tpm.name)
    part.rename(places.kept(name))


def bring_back(places: Places, name: str) -> None:
    """Make the machine what it was when it was kept under that name."""
    for disk in DISKS:
        _snapshot(places, "-a", name, disk)
    for store in _STORES:
        shutil.copyfile(places.kept(name) / places.variables(store).name, places.variables(store))
    shutil.rmtree(places.tpm, ignore_errors=True)
    if (places.kept(name) / places.tpm.name).exists():
        shutil.copytree(places.kept(name) / places.tpm.name, places.tpm)


def forget(places: Places, name: str) -> None:
    """Keep it no longer; nothing kept under that name is fine."""
    shutil.rmtree(places.kept(name), ignore_errors=True)
    for disk in DISKS:
        if f" {name} " in _snapshots(places, disk):
            _snapshot(places, "-d", name, disk)


def is_kept(places: Places, name: str) -> bool:
    """Whether the machine before that scene was kept."""
    return places.kept(name).exists()


def _snapshot(places: Places, what: str, name: str, disk: str) -> None:
    subprocess.run(("qemu-img", "snapshot", "-q", what, name, str(places.disk(disk))), check=True)


def _snapshots(places: Places, disk: str) -> str:
    listed = ("qemu-img", "snapshot", "-l", str(places.disk(disk)))
    return subprocess.run(listed, check=True, capture_output=True, text=True).stdout
