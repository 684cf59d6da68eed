"""Reads what the metadata names: hashed where it lies, or hashed while it is copied to staging."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.updates.errors import ContentRefused, DiskFull, DiskRefused
from appliance.updates.fetcher import Stick, shown
from appliance.updates.packages import Item, Package
from models.card import MAX_CARD_BYTES, ModelCard
from models.errors import CardMalformed

RESERVE: Final = 64 << 20
"""Bytes that must stay free beside a bundle, for the database and the log."""
_CHUNK: Final = 1 << 20
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Bytes free on a folder's disk."""
    return shutil.disk_usage(folder).free


def check_content(stick: Stick, items: Sequence[Item]) -> None:
    """Read every signed file once and compare length and digest.

    Raises:
        ContentRefused: One is missing or is not the signed one.
        StickUnreadable: The stick fails.
    """
    for item in items:
        digest = hashlib.sha256()
        for part in _parts(stick, item, 0):
            digest.update(part)
        _check_digest(item, digest.hexdigest())


def read_card(stick: Stick, package: Package) -> ModelCard:
    """Read the card of a package.

    Raises:
        ContentRefused: It is missing, is not the signed one, or is another model's.
        CardMalformed: It is no card.
    """
    if package.card.length > MAX_CARD_BYTES:
        raise _refused(package.card, "模型卡过大", "the card is too large")
    raw = b"".join(_parts(stick, package.card, 0))
    _check_digest(package.card, hashlib.sha256(raw).hexdigest())
    return parse_card(package, raw)


def parse_card(package: Package, raw: bytes) -> ModelCard:
    """The card of a package, which must be this package's own."""
    card = ModelCard.from_bytes(raw)
    if card.id != package.model_id:
        raise _refused(package.card, "模型卡属于其他模型", "the card is another model's")
    if card.to_bytes() != raw:
        raise CardMalformed(field="card", reason_zh="不是规范形式", reason_en="not canonical")
    return card


class Staging:
    """Where a bundle is taken in, inside the vault.

    Files are copied in one pass, hashed on the way, synced and then renamed to their place, so
    that a file in its place was the signed one when it was written. A copy that was cut short
    stays in `parts` and goes on later: the part that is there is hashed again, from our own disk.

    Args:
        root: The folder of all bundles; only the one being taken in stays in it.
        bundle: The id of the bundle.
        free: Tells how much room there is.
    """

    def __init__(self, root: Path, bundle: str, free: FreeBytes = free_bytes) -> None:
        self._root = root
        self.folder: Final = root / bundle
        self._parts = self.folder / "parts"
        self._free = free

    def prepare(self, packages: Sequence[Package]) -> None:
        """Make room: forget other bundles, then see that this one fits twice, here and shelved.

        Raises:
            DiskFull: It does not.
            DiskRefused: The disk fails.
        """
        with disk_errors(self._root, 0):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for other in self._root.iterdir():
                if other != self.folder:
                    _forget(other)
            whole = sum(item.length for package in packages for item in package.items)
            needed = max(0, 2 * whole - self._there()) + RESERVE
            free = self._free(self._root)
            if free < needed:
                raise DiskFull(needed=needed, free=free)
            self._parts.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self, stick: Stick, packages: Sequence[Package]) -> None:
        """Copy every signed file from the stick, each byte read once.

        Raises:
            ContentRefused: A file is missing or is not the signed one; nothing of it stays.
            StickUnreadable: The stick fails; what came over stays for the next try.
            DiskFull, DiskRefused: Our own disk does not take it.
        """
        needed = sum(item.length for package in packages for item in package.items)
        with disk_errors(self._root, needed):
            for package in packages:
                for item in package.items:
                    self._take(stick, item, self._place(package, item))

    def check(self, packages: Sequence[Package]) -> None:
        """Hash the staged files again: from here on only these bytes count.

        Raises:
            ContentRefused: One is not the signed one.
        """
        with disk_errors(self._root, 0):
            for package in packages:
                for item in package.items:
                    with self._place(package, item).open("rb") as stream:
                        found = hashlib.file_digest(stream, "sha256").hexdigest()
                    _check_digest(item, found)

    def card(self, package: Package) -> ModelCard:
        """The card of a staged package."""
        return parse_card(package, self._place(package, package.card).read_bytes())

    def source(self, package: Package) -> Path:
        """What to put on the shelf: the one file, or the folder of files."""
        if len(package.files) == 1 and package.files[0].name.count("/") == 1:
            return self._place(package, package.files[0])
        return self.folder / "models" / package.model_id / "files"

    def forget(self) -> None:
        """Remove everything of this bundle."""
        _forget(self.folder)

    def _place(self, package: Package, item: Item) -> Path:
        return self.folder / "models" / package.model_id / item.name

    def _there(self) -> int:
        if not self.folder.is_dir():
            return 0
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def _take(self, stick: Stick, item: Item, place: Path) -> None:
        if place.is_file() and place.stat().st_size == item.length:
            return  # from an earlier try; `check` reads it again
        part = self._parts / item.sha256
        digest, size = _resume(part, item)
        with part.open("ab", buffering=0) as target:
            for piece in _parts(stick, item, size):
                digest.update(piece)
                _write(target.fileno(), piece)
            os.fsync(target.fileno())
        try:
            _check_digest(item, digest.hexdigest())
        except ContentRefused:
            part.unlink()
            raise
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.replace(place)


@contextmanager
def disk_errors(folder: Path, needed: int) -> Iterator[None]:
    """Turn the failures of our own disk into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(needed=needed, free=_free_or_none(folder)) from error
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error


def _free_or_none(folder: Path) -> int:
    return free_bytes(folder) if folder.exists() else 0


def _forget(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _resume(part: Path, item: Item) -> "tuple[hashlib._Hash, int]":
    """The digest so far and the bytes there; a part that is too long starts anew."""
    digest = hashlib.sha256()
    if not part.is_file():
        return digest, 0
    size = part.stat().st_size
    if size > item.length:
        part.unlink()
        return digest, 0
    with part.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest, size


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _parts(stick: Stick, item: Item, offset: int) -> Iterator[bytes]:
    """The bytes of a signed file from an offset on, never more than were signed."""
    try:
        with stick.open(item.place) as descriptor:
            if os.fstat(descriptor).st_size != item.length:
                raise _refused(item, "长度与签名不符", "its length is not the signed one")
            os.lseek(descriptor, offset, os.SEEK_SET)
            left = item.length - offset
            for part in stick.chunks(descriptor, item.place):
                yield part[:left]
                left -= min(left, len(part))
                if not left:
                    return
    except FileNotFoundError:
        raise _refused(item, "文件缺失", "it is missing") from None


def _check_digest(item: Item, found: str) -> None:
    if found != item.sha256:
        raise _refused(item, "内容与签名不符", "its content is not the signed one")


def _refused(item: Item, zh: str, en: str) -> ContentRefused:
    return ContentRefused(name=shown(item.place), reason_zh=zh, reason_en=en)
