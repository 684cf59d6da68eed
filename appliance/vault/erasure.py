"""Erasing by destroying keys: one subject or the whole box, with a signed certificate."""

from pathlib import Path
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import destroy, write_private
from appliance.vault.opened import Opened
from secure_compute.destruction import Destruction
from secure_compute.signing import SM2_SM3, SigningKey
from secure_compute.suites import CHINESE

COPIES: Final = (
    "Copies of the key files that were made before (backups, disk images) are not reached: whoever holds "
    "such a copy and a secret that opened it then can still read what it holds. 此前的备份与磁盘副本"
    "不受影响,请一并销毁。"
)
ANSWERS: Final = (
    "What was read, printed or exported before, and models trained on it, are not reached. 此前读出、打印"
    "或导出的内容,以及用其训练的模型,不受影响。"
)
_SM2: Final = "certificate-sm2"
_PUBLIC: Final = 0o644


def signed(opened: Opened, statement: Destruction) -> bytes:
    """The certificate, by the key of the audit log; and by an SM2 key where the suite asks for it."""
    key = opened.signing_key("audit")
    if opened.suite is not CHINESE:
        return statement.sign(key)
    with opened.secret(_SM2) as seed:
        return statement.sign(key, SigningKey(seed.copy(), SM2_SM3))


def erase_box(
    layout: StateLayout, opened: Opened, by: tuple[str, ...], time: int, box: str
) -> bytes:
    """Destroy every key of a box; what the caller keeps open of it must be closed.

    The certificate is written into the state directory first. Once it lies there the destruction has
    been decided: whoever opens the vault next goes on with it.

    Args:
        layout: where the box keeps its state.
        opened: the open vault.
        by: who asked for it.
        time: seconds since 1970 UTC.
        box: name of the audit log.

    Returns:
        The certificate.

    Raises:
        OSError: the certificate cannot be written; nothing was destroyed.
    """
    keys = tuple(sorted(key.wrapped.key_id for key in opened.book.keys))
    ids = (f"root:{opened.root_id}", *keys)
    statement = Destruction(box, "box", box, ids, by, time, (COPIES, ANSWERS))
    certificate = signed(opened, statement)
    write_private(layout.erased_file, certificate, _PUBLIC)
    destroy_keys(layout)
    return certificate


def destroy_keys(layout: StateLayout) -> int:
    """Overwrite and remove every key file of a box whose destruction was decided; how many there were."""
    files = [path for path in _files(layout) if path.is_file() and path != layout.erased_file]
    # The root key first, wherever it stands: without it none of the others opens.
    roots = (layout.sealed_root, layout.sealed_root_copy, layout.rotation_file)
    files.sort(key=lambda path: (path not in roots, path.name))
    return sum(destroy(path) for path in files)


def _files(layout: StateLayout) -> list[Path]:
    return [
        *(path for path in layout.keys.rglob("*") if not path.is_symlink()),
        layout.files_cipher / "gocryptfs.conf",
        layout.files_cipher / "gocryptfs.conf.bak",
    ]
