"""The key files of a box: read whole and judged, written beside and renamed, never half."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.errors import VaultAbsent, VaultDamaged
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError
from secure_compute.keyring import WrappedKey
from secure_compute.sealed_root import SealedRoot

FORMAT: Final = "wardbox-keyring/1"
_MAX_BYTES: Final = 1 << 20


def read_sealed_root(layout: StateLayout) -> SealedRoot:
    """The document that holds the root key, once for each slot.

    Raises:
        VaultAbsent: there is no vault in this state directory.
        VaultDamaged: the file is not what was written.
    """
    path = layout.sealed_root
    if not path.exists():
        raise VaultAbsent(path=layout.root)
    try:
        return SealedRoot.parse(_read(path))
    except SecureComputeError as error:
        raise VaultDamaged(path=path, reason=error.sentence) from error


def write_sealed_root(layout: StateLayout, document: SealedRoot) -> None:
    """Replace the document."""
    write_private(layout.sealed_root, document.to_bytes())


def read_keyring(layout: StateLayout) -> dict[str, WrappedKey]:
    """The wrapped keys by use.

    Raises:
        VaultDamaged: the file is missing or not what was written.
    """
    path = layout.keyring_file
    try:
        value = parse_canonical(_read(path))
        if not isinstance(value, dict) or value.keys() != {"format", "keys"}:
            raise VaultDamaged(path=path, reason="字段不对 its fields are others")
        if value["format"] != FORMAT or not isinstance(value["keys"], list):
            raise VaultDamaged(path=path, reason="格式不对 its format is another")
        keys = [WrappedKey.parse(item) for item in value["keys"]]
    except SecureComputeError as error:
        raise VaultDamaged(path=path, reason=error.sentence) from error
    found = {key.use: key for key in keys}
    if len(found) != len(keys):
        raise VaultDamaged(path=path, reason="用途重复 uses repeat")
    return found


def write_keyring(layout: StateLayout, keys: Mapping[str, WrappedKey]) -> None:
    """Replace the wrapped keys."""
    items = [keys[use].to_json() for use in sorted(keys)]
    write_private(layout.keyring_file, canonical_bytes({"format": FORMAT, "keys": items}))


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that a crash leaves either the old one or the new one.

    Args:
        path: the file; its directory is made, closed to others, when absent.
        content: all of it.
        mode: permission bits.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise VaultDamaged(path=path, reason=error.strerror or error) from error
    if len(content) > _MAX_BYTES:
        raise VaultDamaged(path=path, reason="文件过大 it is too large")
    return content
