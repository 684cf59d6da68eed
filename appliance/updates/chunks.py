"""Chunks out of a bundle: hashed as stored, then expanded within bounds, then hashed again."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from appliance.updates.errors import BaseMissing, ContentRefused, LicenceMissing
from appliance.updates.fetcher import Stick, shown, unreadable
from appliance.updates.frames import expand
from appliance.updates.held import Holdings
from appliance.updates.manifest import Blob, Chunk, Package, PackageFile, Sealing
from appliance.updates.passing import read_into, room
from appliance.updates.sealing import unseal

Content = bytes | bytearray | memoryview
Opener = Callable[[Sealing], bytes | None]
"""Gives the key of a package that is licensed to this box; None for another box's."""


def nobody(_: Sealing) -> bytes | None:
    """Who opens nothing."""
    return None


class ChunkReader:
    """Gives the chunks of packages, each checked in memory: no byte is used that was not.

    Args:
        stick: The bundle, or its staged copy.
        held: What this machine has already.
        opener: Opens what is licensed to this box.
    """

    def __init__(self, stick: Stick, held: Holdings, opener: Opener = nobody) -> None:
        self._stick = stick
        self._held = held
        self._opener = opener
        self._keys: dict[Sealing, bytes] = {}

    def chunk(self, package: Package, chunk: Chunk) -> Content:
        """Read one chunk of a package; several threads may.

        Raises:
            BaseMissing: It, or what it starts from, should be here and is not.
            LicenceMissing: It is sealed for another box.
            ContentRefused: It is missing or is not the signed one.
            StickUnreadable: The stick fails.
        """
        blob = package.supply.get(chunk.sha256)
        if blob is None:
            return self._base(package, chunk.sha256)
        target = room(blob.size)
        read_blob(self._stick, blob, target)
        stored = target[: blob.size]
        check_blob(blob, stored)
        if blob.form == "plain" and package.sealed is None:
            return stored  # its stored bytes are itself, and were hashed
        key = self._key(package)
        base = b"" if blob.base is None else self._base(package, blob.base)
        try:
            found = _expanded(blob, stored if key is None else unseal(key, stored), chunk, base)
        except ValueError:
            raise _refused(blob, "无法展开", "it cannot be expanded") from None
        if sha256(found).hexdigest() != chunk.sha256:
            raise _refused(blob, "展开后与签名不符", "expanded, it is not the signed one")
        return found

    def pieces(self, package: Package, file: PackageFile) -> Iterator[Content]:
        """The chunks of one file, in order; whoever takes them compares the digest of the whole."""
        for chunk in file.chunks:
            yield self.chunk(package, chunk)

    def small(self, package: Package, name: str, limit: int) -> bytes:
        """Read a small file of a package.

        Raises:
            ContentRefused: There is none, it is too large, or is not the signed one.
        """
        file = package.file(name)
        if file is None or file.size > limit:
            raise ContentRefused(
                name=shown(f"{package.target} {name}"),
                reason_zh="文件缺失或过大",
                reason_en="it is missing or too large",
            )
        raw = b"".join(self.pieces(package, file))
        check_whole(package, file, sha256(raw).hexdigest())
        return raw

    def _key(self, package: Package) -> bytes | None:
        sealing = package.sealed
        if sealing is None:
            return None
        key = self._keys.get(sealing) or self._opener(sealing)
        if key is None:
            raise LicenceMissing(package=_named(package))
        self._keys[sealing] = key
        return key

    def _base(self, package: Package, digest: str) -> bytes:
        found = self._held.read(digest)
        if found is None:
            raise base_missing(package)
        return found


def _expanded(blob: Blob, stored: Content, chunk: Chunk, base: bytes) -> Content:
    if blob.form == "plain":
        return stored
    if blob.form == "zstd":
        return expand(stored, chunk.size)
    from appliance.updates.deltas import apply_delta  # noqa: PLC0415  # numpy only for deltas

    if len(base) != chunk.size:
        raise ValueError("two sizes")
    return apply_delta(stored, base)


def read_blob(stick: Stick, blob: Blob, target: memoryview) -> None:
    """Read what is stored of a chunk into memory of `passing.room`; nobody has hashed it yet.

    Raises:
        ContentRefused: It is missing, or its length is not the signed one.
        StickUnreadable: The stick fails.
    """
    try:
        with stick.open(blob.place) as descriptor:
            # Before a byte is read: what claims to be gigabytes costs nothing.
            if os.fstat(descriptor).st_size != blob.size:
                raise _length(blob)
            with _failures(blob):
                count = read_into(descriptor, target, blob.size)
            if count != blob.size:
                raise _length(blob)
    except FileNotFoundError:
        raise _refused(blob, "文件缺失", "it is missing") from None


@contextmanager
def _failures(blob: Blob) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unreadable(blob.place, error) from error


def check_blob(blob: Blob, content: Content) -> None:
    """Compare stored bytes with the signed digest. Raises ContentRefused."""
    if sha256(content).hexdigest() != blob.sha256:
        raise _refused(blob, "内容与签名不符", "its content is not the signed one")


def check_whole(package: Package, file: PackageFile, found: str) -> None:
    """Compare the digest of a whole file with the signed one. Raises ContentRefused."""
    if found != file.sha256:
        raise ContentRefused(
            name=shown(f"{package.target} {file.name}"),
            reason_zh="内容与签名不符",
            reason_en="its content is not the signed one",
        )


def blobs_of(packages: Iterable[Package]) -> Iterator[Blob]:
    """What a stick holds of packages, each once, in order."""
    seen: set[str] = set()
    for package in packages:
        for blob in package.blobs():
            if blob.sha256 not in seen:
                seen.add(blob.sha256)
                yield blob


def shipped(packages: Iterable[Package]) -> int:
    """Bytes that a stick holds of packages."""
    return sum(blob.size for blob in blobs_of(packages))


def missing(packages: Sequence[Package], held: Holdings) -> tuple[str, ...]:
    """Digests of the chunks that should be here and are not; no file is opened."""
    wanted: dict[str, None] = {}
    for package in packages:
        for chunk in package.chunks():
            blob = package.supply.get(chunk.sha256)
            digest = chunk.sha256 if blob is None else blob.base
            if digest is not None and digest not in held:
                wanted[digest] = None
    return tuple(wanted)


def base_missing(package: Package) -> BaseMissing:
    """The refusal of a package that goes on from one that is not here."""
    return BaseMissing(package=_named(package))


def _named(package: Package) -> str:
    return shown(f"{package.kind}/{package.package_id} {package.version}")


def _length(blob: Blob) -> ContentRefused:
    return _refused(blob, "长度与签名不符", "its length is not the signed one")


def _refused(blob: Blob, zh: str, en: str) -> ContentRefused:
    return ContentRefused(name=shown(blob.place), reason_zh=zh, reason_en=en)
