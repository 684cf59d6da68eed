"""Whether everything of a box is either in its backups or left out for a reason that stands here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from appliance.backup.source import DATABASES, FILES, OUTSIDE
from appliance.settings.layout import StateLayout

_SLOTS: Final = "a new box has slots of its own; the snapshot carries the root key itself"
_MACHINE: Final = "it belongs to the machine"
_MADE_ANEW: Final = "it is made anew"
_UNJUDGED: Final = "nobody has judged it yet"

LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cluster-env": "programs, which an installation brings",
        "engines": "programs, which an installation brings",
        "installer": "the journal of one installation",
        "keys/destroyed.cert": "a box that was destroyed makes no backups",
        "keys/failures.json": _MACHINE,
        "keys/kept-locked": _MACHINE,
        "keys/keyring.copy.json": "the same as keys/keyring.json",
        "keys/posture-lock": _MACHINE,
        "keys/luks-header.img": _MACHINE,
        "keys/machine.json": _MACHINE,
        "keys/root.copy.json": _SLOTS,
        "keys/root.json": _SLOTS,
        "keys/rotation.json": "a rotation under way; the snapshot carries the keyring as it is open",
        "keys/slots.json": _SLOTS,
        "logs": "lines for the technician, without content",
        "restore.json": "it tells that a restore is going on",
        "run": "sockets and process ids",
        "settings.toml.before-restore": "what a restore put aside",
        "software": "programs, which an installation brings",
        "storage.json": _MACHINE,
        "updates": "a release on its way into the box",
        "vault/audit.db.anchor": "it is made anew; a restore tells by itself of a later log",
        "vault/audit.db.lock": "whoever writes the log holds it",
        "vault/files.cipher": "the encrypted side of vault/files",
        "vault/files/drill": _MADE_ANEW,
        "vault/files/exports": "copies for auditors, who hold them",
        "vault/files/shelf/tmp": _UNJUDGED,
        "vault/files/uploads": _UNJUDGED,
        "vault/log.reserve": "room that is kept free",
        "vault/trial": "the database once more, while a release is on trial",
        "vault/lost+found": "the file system's own, where the vault stands on LUKS2",
    }
)
"""What no backup holds, and why."""

_BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; the log is copied with it, the rest is made anew."""
_UNFINISHED: Final = ".part"


def accounted(path: str) -> bool:
    """Whether a path below the state directory is in every backup, or left out for a reason.

    Args:
        path: with slashes; a directory counts where everything in it does.
    """
    for ending in (*_BESIDE, _UNFINISHED):
        path = path.removesuffix(ending)
    known = (*OUTSIDE, FILES, *DATABASES, *LEFT_OUT)
    return any(path == one or path.startswith(f"{one}/") for one in known)


def unaccounted(layout: StateLayout) -> tuple[str, ...]:
    """What lies in the state of a box and is neither backed up nor left out for a reason."""
    found = []
    for folder in ("", "keys", "vault"):
        place = layout.root / folder
        for one in sorted(place.iterdir()) if place.is_dir() else ():
            path = f"{folder}/{one.name}".lstrip("/")
            if path not in {"keys", "vault"} and not accounted(path):
                found.append(path)
    return tuple(found)
