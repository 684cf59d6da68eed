"""What the boxes have already that a bundle is for: the packages of an earlier one."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Self

from appliance.updates.chunks import ChunkReader
from appliance.updates.errors import UpdateError
from appliance.updates.fetcher import TARGETS, Stick
from appliance.updates.held import Holdings
from appliance.updates.manifest import MAX_MANIFEST, PACKAGE, Chunk, Package, PackageFile
from appliance.updates.reading import read_package
from installer.vendor.errors import VendorFolderUnusable
from installer.vendor.files import read_bounded
from installer.vendor.warehouse import Warehouse


class Earlier:
    """An earlier bundle: which chunks need not be shipped, and which to make deltas from.

    Its signatures are not looked at: it only tells what to leave out, and a box that lacks what was
    left out says so. Contents come from the warehouse, or from the bundle itself.

    Args:
        bundle: The folder of that bundle.
        warehouse: Older versions.

    Raises:
        VendorFolderUnusable: There is no package in it, or a damaged one.
    """

    def __init__(self, bundle: Path, warehouse: Warehouse) -> None:
        packages = [_package(path) for path in sorted(bundle.glob(f"{TARGETS}/*/*/*/*.{PACKAGE}"))]
        if not packages:
            raise VendorFolderUnusable(
                path=bundle, reason_zh="其中没有软件包", reason_en="there is no package in it"
            )
        self._packages = {(one.kind, one.package_id): one for one in packages}
        places = [(one, warehouse.find(one)) for one in packages]
        self._held = Holdings.of([(one, place) for one, place in places if place is not None])
        self._stick = Stick(bundle)
        self._reader = ChunkReader(self._stick, self._held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stick.close()

    def chunks(self, kind: str) -> frozenset[str]:
        """Digests of what the boxes have of a kind."""
        return frozenset(
            chunk.sha256
            for package in self._packages.values()
            if package.kind == kind
            for chunk in package.chunks()
        )

    def bases(self, package: Package) -> Mapping[str, Chunk]:
        """New chunk -> the chunk of the earlier version to start from: the one in its place.

        Where tensors are cut does not depend on what is in them, so the n-th chunk of a model that was
        trained further holds the same weights as the n-th of its base.
        """
        old = self._packages.get((package.kind, package.package_id))
        found: dict[str, Chunk] = {}
        for file in package.files:
            before = None if old is None else old.file(file.name) or _renamed(old, file)
            if before is None:
                continue
            for new, base in zip(file.chunks, before.chunks, strict=False):
                if new.size == base.size and new.sha256 != base.sha256:
                    found.setdefault(new.sha256, base)
        return found

    def read(self, package: Package, base: Chunk) -> bytes | None:
        """The content of a chunk to start from, or None when nobody here has it any more."""
        found = self._held.read(base.sha256)
        if found is not None:
            return found
        old = self._packages[package.kind, package.package_id]
        try:
            return bytes(self._reader.chunk(old, base))
        except UpdateError:
            return None


def _renamed(old: Package, file: PackageFile) -> PackageFile | None:
    """A model file often has its version in its name; its shape tells it."""
    kind = PurePosixPath(file.name).suffix
    alike = (
        one
        for one in old.files
        if PurePosixPath(one.name).suffix == kind and len(one.chunks) == len(file.chunks)
    )
    return next(alike, None)


def _package(path: Path) -> Package:
    raw = read_bounded(path, MAX_MANIFEST)
    try:
        if path.name != f"{sha256(raw).hexdigest()}.{PACKAGE}":
            raise _damaged(path)
        return read_package(raw, path.name)
    except UpdateError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> VendorFolderUnusable:
    return VendorFolderUnusable(path=path, reason_zh="内容损坏", reason_en="it is damaged")
