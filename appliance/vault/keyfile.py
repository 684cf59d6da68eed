"""The key files of a box: read whole and judged, written beside and renamed, never half."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.errors import VaultAbsent, VaultDamaged, VaultErased
from appliance.vault.keybook import KeyBook
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError
from secure_compute.salvage import salvage
from secure_compute.sealed_root import SealedRoot

_JOURNAL: Final = "wardbox-rotation/1"
_MAX_BYTES: Final = 1 << 21
_AT_ONCE: Final = 1 << 20


def read_sealed_root(layout: StateLayout) -> SealedRoot:
    """The document that holds the root key, once for each slot.

    Raises:
        VaultAbsent: there is no vault in this state directory.
        VaultErased: its keys were destroyed on purpose.
        VaultDamaged: the file is not what was written.
    """
    if layout.erased_file.exists():
        raise VaultErased(path=layout.erased_file)
    pending = pending_rotation(layout)
    if pending is not None:
        return pending[0]
    path = layout.sealed_root
    if not path.exists() and not layout.sealed_root_copy.exists():
        raise VaultAbsent(path=layout.root)
    fault: SecureComputeError | VaultDamaged | None = None
    # The second copy is the way out of a damaged byte; what neither holds whole is read slot by slot.
    for judge in (_whole, salvage):
        for one in (path, layout.sealed_root_copy):
            try:
                return judge(_read(one))
            except (SecureComputeError, VaultDamaged) as error:
                fault = fault or error
    told = fault.facts["reason"] if isinstance(fault, VaultDamaged) else fault and fault.sentence
    raise VaultDamaged(path=path, reason=told) from fault


@lru_cache(maxsize=4)
def _whole(content: bytes) -> SealedRoot:
    """Parsed once: the state of the vault is asked for all the time, and the document holds no secret."""
    return SealedRoot.parse(content)


def sealed_root_is_whole(layout: StateLayout) -> bool:
    """Whether both copies are what was written last; vaults of older releases have one."""
    try:
        first = _read(layout.sealed_root)
        _whole(first)
        return not layout.sealed_root_copy.exists() or first == _read(layout.sealed_root_copy)
    except (SecureComputeError, VaultDamaged):
        return False


def write_sealed_root(layout: StateLayout, document: SealedRoot) -> None:
    """Replace the document and its copy."""
    pending_rotation(layout)
    _write_root(layout, document)


def _write_root(layout: StateLayout, document: SealedRoot) -> None:
    content = document.to_bytes()
    replace_scrubbed(layout.sealed_root, content)
    replace_scrubbed(layout.sealed_root_copy, content)


def read_keyring(layout: StateLayout, *, copy: bool = False) -> KeyBook:
    """The wrapped keys.

    Args:
        layout: where the box keeps its state.
        copy: read the second copy of them.

    Raises:
        VaultDamaged: the file is missing or not what was written.
    """
    pending = pending_rotation(layout)
    if pending is not None:
        return pending[1]
    path = layout.keyring_copy if copy else layout.keyring_file
    try:
        return KeyBook.parse(parse_canonical(_read(path)))
    except SecureComputeError as error:
        raise VaultDamaged(path=path, reason=error.sentence) from error


def write_keyring(layout: StateLayout, book: KeyBook) -> None:
    """Replace the wrapped keys."""
    pending_rotation(layout)
    _write_book(layout, book)


def _write_book(layout: StateLayout, book: KeyBook) -> None:
    content = canonical_bytes(book.to_json())
    replace_scrubbed(layout.keyring_file, content)
    _mirror(layout.keyring_copy, content)


def _mirror(path: Path, content: bytes) -> None:
    try:
        replace_scrubbed(path, content)
    except OSError:
        # A copy that cannot follow must not keep what was destroyed.
        with suppress(OSError):
            destroy(path)


def mirror_keyring(layout: StateLayout, *, from_copy: bool) -> None:
    """Put the copy of the wrapped keys that was found good in the place of the other."""
    good, other = layout.keyring_file, layout.keyring_copy
    if from_copy:
        good, other = other, good
    with suppress(OSError):
        content = good.read_bytes()
        if other.exists() and other.read_bytes() == content:
            return
        if from_copy:
            replace_scrubbed(other, content)
        else:
            _mirror(other, content)


def write_rotation(layout: StateLayout, document: SealedRoot, book: KeyBook) -> None:
    """Replace both files, the new root key and what lies under it, as one.

    A journal with both is written first: once it lies there whole the rotation has happened, and
    whoever reads next finishes it. It holds no secret that the two files do not hold.

    Raises:
        OSError: the journal could not be written; nothing has changed.
    """
    pending_rotation(layout)
    root = parse_canonical(document.to_bytes())
    journal = {"format": _JOURNAL, "keyring": book.to_json(), "root": root}
    with _alone(layout):
        try:
            write_private(layout.rotation_file, canonical_bytes(journal))
        except OSError:
            # It may stand there all the same, when only its directory could not be synced.
            with suppress(OSError):
                layout.rotation_file.unlink()
            if not layout.rotation_file.exists():
                raise
        with suppress(OSError):
            _finish(layout, document, book)


@contextmanager
def _alone(layout: StateLayout) -> Iterator[None]:
    """Whoever finishes a rotation does so alone: threads and processes that only look may want to as well."""
    handle = os.open(layout.keys, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def pending_rotation(layout: StateLayout) -> tuple[SealedRoot, KeyBook] | None:
    """Finish a rotation that was interrupted; both documents when the disk does not even allow that.

    Raises:
        VaultDamaged: the journal is not what was written, and the files need it.
    """
    if not layout.rotation_file.exists():
        return None
    with _alone(layout):
        return _pending(layout) if layout.rotation_file.exists() else None


def _pending(layout: StateLayout) -> tuple[SealedRoot, KeyBook] | None:
    path = layout.rotation_file
    try:
        value = parse_canonical(_read(path))
        if not isinstance(value, dict) or value.keys() != {"format", "keyring", "root"}:
            raise VaultDamaged(path=path, reason="字段不对 its fields are others")
        document = SealedRoot.parse(canonical_bytes(value["root"]))
        book = KeyBook.parse(value["keyring"])
    except SecureComputeError as error:
        raise VaultDamaged(path=path, reason=error.sentence) from error
    try:
        _finish(layout, document, book)
    except OSError:
        return document, book
    return None


def _finish(layout: StateLayout, document: SealedRoot, book: KeyBook) -> None:
    _write_book(layout, book)
    _write_root(layout, document)
    layout.rotation_file.unlink()
    sync_directory(layout.rotation_file.parent)


def replace_scrubbed(path: Path, content: bytes) -> None:
    """Replace a file as `write_private` does, then overwrite the blocks of the old one.

    On file systems that copy on write and on flash the old blocks may survive out of reach; what was
    wrapped in them is useless once the root key has been rotated.
    """
    try:
        old = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        write_private(path, content)
        return
    try:
        write_private(path, content)
        with suppress(OSError):
            # The new file stands already: what cannot be overwritten must not undo that.
            os.pwrite(old, bytes(os.fstat(old).st_size), 0)
            os.fsync(old)
    finally:
        os.close(old)


def destroy(path: Path) -> bool:
    """Overwrite a file and remove it; False when it was not there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        size, zeros = os.fstat(handle).st_size, bytes(_AT_ONCE)
        # Also large files come here: those that lay unsealed on boxes of an older release.
        for at in range(0, size, _AT_ONCE):
            os.pwrite(handle, zeros[: size - at], at)
        os.fsync(handle)
    finally:
        os.close(handle)
    path.unlink()
    sync_directory(path.parent)
    return True


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
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
