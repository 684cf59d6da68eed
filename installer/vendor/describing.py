"""Describes files as a package: names, modes, digests and chunks, by the rules of a box."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from appliance.updates.errors import MetadataRefused
from appliance.updates.manifest import (
    NO_SUPPLY,
    Chunk,
    Database,
    Package,
    PackageFile,
    Requires,
    Sealing,
)
from appliance.updates.reading import read_package
from installer.vendor.cutting import pieces
from installer.vendor.errors import VendorPackageRefused
from models.card import Bilingual

ANYWHERE: Final = Requires()
_EXECUTABLE: Final = 0o111
_EMPTY: Final = sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a vendor says of a package.

    Attributes:
        kind: One of `KINDS`.
        package_id: Its name.
        version: Of its content.
        title: For people.
        requires: Where it may go.
        database: What a release does to the database.
        sealed: Of a model that one box alone can open.
    """

    kind: str
    package_id: str
    version: str
    title: Bilingual
    requires: Requires = ANYWHERE
    database: Database | None = None
    sealed: Sealing | None = None


def judge(wanted: Wanted, names: Iterable[str]) -> None:
    """See whether a box would read such a package, before gigabytes are copied.

    Raises:
        VendorPackageRefused: It would not.
    """
    rows = tuple(PackageFile(name, 0, 0o644, _EMPTY, ()) for name in sorted(names))
    _read(_package(wanted, rows))


def describe(wanted: Wanted, folder: Path) -> Package:
    """Cut and hash every file below a folder.

    Returns:
        The manifest as a bundle would carry it to a box that has every chunk.

    Raises:
        VendorPackageRefused: No box would read it, most likely since it has too many chunks.
    """
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    return _read(_package(wanted, tuple(_file(folder / name, name) for name in names)))


def _package(wanted: Wanted, files: tuple[PackageFile, ...]) -> Package:
    return Package(
        kind=wanted.kind,
        package_id=wanted.package_id,
        version=wanted.version,
        title=wanted.title,
        requires=wanted.requires,
        files=files,
        supply=NO_SUPPLY,
        database=wanted.database,
        sealed=wanted.sealed,
    )


def _read(package: Package) -> Package:
    try:
        read = read_package(package.to_bytes(), package.target)
    except MetadataRefused as error:
        raise VendorPackageRefused(
            reason_zh=error.facts["reason_zh"], reason_en=error.facts["reason_en"]
        ) from error
    return replace(read, digest="")


def _file(path: Path, name: str) -> PackageFile:
    whole = sha256()
    chunks = []
    for piece in pieces(path):
        whole.update(piece.content)
        chunks.append(Chunk(sha256(piece.content).hexdigest(), len(piece.content)))
    mode = 0o755 if path.stat().st_mode & _EXECUTABLE else 0o644
    size = sum(chunk.size for chunk in chunks)
    return PackageFile(name, size, mode, whole.hexdigest(), tuple(chunks))
