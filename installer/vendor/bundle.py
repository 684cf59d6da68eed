"""Builds bundles: the warehouse in chunks, under signed metadata; the same input gives the same bytes."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]

from appliance.updates.errors import MetadataRefused
from appliance.updates.fetcher import TARGETS
from appliance.updates.landing import settle
from appliance.updates.landing import write_new as write_soon
from appliance.updates.manifest import CHUNKS, Blob, Chunk, Package
from appliance.updates.reading import read_package
from installer.vendor.cutting import pieces
from installer.vendor.earlier import Earlier
from installer.vendor.errors import (
    VendorFolderTaken,
    VendorFolderUnusable,
    VendorNothingToShip,
    VendorPackageRefused,
)
from installer.vendor.files import told, write_new
from installer.vendor.keys import KeyFolder
from installer.vendor.packing import pack, sealed
from installer.vendor.roster import METADATA
from installer.vendor.signing import Chain, version_of
from installer.vendor.warehouse import Stocked, Warehouse

DAYS: Final = 400
"""How long a bundle holds: between two sticks lie months."""


@dataclass(frozen=True, slots=True)
class Built:
    """A finished bundle.

    Attributes:
        packages: What is in it, by kind and id.
        version: Number of its timestamp.
        size: Bytes of its files.
    """

    packages: tuple[Package, ...]
    version: int
    size: int


class Builder:
    """Builds bundles out of a vendor's folder and keeps its chain of versions.

    Args:
        folder: The vendor's folder.
        keys: Opens its keys.
    """

    def __init__(self, folder: Path, keys: KeyFolder) -> None:
        self._warehouse = Warehouse(folder)
        self._chain = Chain(folder, keys)

    def build(
        self, out: Path, now: datetime, days: int = DAYS, earlier: Path | None = None
    ) -> Built:
        """Write a signed bundle.

        A role whose content did not change keeps its version and its bytes, so building again at
        the same time gives the same bundle.

        Args:
            out: An empty or absent folder: the stick, or what is copied to it.
            now: The time of signing.
            days: How long it holds.
            earlier: A bundle that every box has applied that this one is for: what was in it is left
                out, and what changed since is shipped as deltas where that is smaller.

        Raises:
            VendorError: Nothing to ship, `out` is not empty, a key cannot be opened, or others must
                sign first; then `out` is empty again.
        """
        stock = self._warehouse.stock()
        if not stock:
            raise VendorNothingToShip
        if out.exists() and any(out.iterdir()):
            raise VendorFolderTaken(folder=out)
        with ExitStack() as stack, _emptied_on_failure(out), told(out):
            old = None
            if earlier is not None:
                old = stack.enter_context(Earlier(earlier, self._warehouse))
            packages = tuple(_Packing(one, out, old).package() for one in stock)
            metadata = self._chain.sign(_listed(packages), now, days)
            # The timestamp comes last: until it is there, nothing is a bundle.
            for name, raw in {**self._chain.roots(), **metadata}.items():
                write_new(out / METADATA / name, raw)
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        return Built(packages, version_of(metadata["timestamp.json"]), size)


@contextmanager
def _emptied_on_failure(out: Path) -> Iterator[None]:
    """Leave a folder as empty as it was, so that the next try finds it so."""
    try:
        yield
    except BaseException:
        for name in (CHUNKS, TARGETS, METADATA):
            shutil.rmtree(out / name, ignore_errors=True)
        raise


class _Packing:
    """Writes the chunks of one package, and the manifest that tells how each is stored."""

    def __init__(self, stocked: Stocked, out: Path, earlier: Earlier | None) -> None:
        self._package = stocked.package
        self._content = stocked.content
        self._key = stocked.key
        self._out = out
        self._earlier = earlier
        kind = self._package.kind
        self._there = frozenset() if earlier is None else earlier.chunks(kind)
        self._bases: Mapping[str, Chunk] = {} if earlier is None else earlier.bases(self._package)
        self._written: set[Path] = set()

    def package(self) -> Package:
        """Write everything of it. Raises VendorFolderUnusable when the stock was changed since."""
        supply: dict[str, Blob] = {}
        for file in self._package.files:
            path = self._content / file.name
            found = []
            for piece in pieces(path):
                chunk = Chunk(sha256(piece.content).hexdigest(), len(piece.content))
                found.append(chunk)
                if chunk.sha256 in self._there or chunk.sha256 in supply:
                    continue
                packed = pack(piece, chunk, self._base(chunk))
                if self._key is not None:
                    packed = sealed(packed, self._key)
                supply[chunk.sha256] = packed.blob
                self._write(packed.blob.place, packed.content)
            if tuple(found) != file.chunks:
                raise VendorFolderUnusable(
                    path=path, reason_zh="内容被改动", reason_en="it was changed since it was added"
                )
        made = replace(self._package, supply=supply, digest="")
        raw = made.to_bytes()
        try:
            package = read_package(raw, made.target)
        except MetadataRefused as error:
            raise VendorPackageRefused(
                reason_zh=error.facts["reason_zh"], reason_en=error.facts["reason_en"]
            ) from error
        self._write(package.place, raw)
        settle(self._written)
        return package

    def _base(self, chunk: Chunk) -> tuple[str, bytes] | None:
        base = self._bases.get(chunk.sha256)
        if base is None or self._earlier is None:
            return None
        content = self._earlier.read(self._package, base)
        return None if content is None else (base.sha256, content)

    def _write(self, place: str, content: bytes | memoryview) -> None:
        path = self._out / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_soon(path, content, 0o644)
        self._written.add(path)


def _listed(packages: tuple[Package, ...]) -> dict[str, dict[str, TargetFile]]:
    listed: dict[str, dict[str, TargetFile]] = {}
    for package in packages:
        target = TargetFile.from_data(package.target, package.to_bytes(), ["sha256"])
        listed.setdefault(package.kind, {})[package.target] = target
    return listed
