"""Bundles without signatures, for what is below them: packages of given files, laid out on a stick."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from appliance.updates.manifest import Blob, Chunk, Package, PackageFile, Requires
from appliance.updates.reading import read_package
from models.card import Bilingual

TITLE = Bilingual("数据", "Data")


def laid_out(
    stick: Path, files: Mapping[str, bytes], *, size: int = 1000, name: str = "codes"
) -> Package:
    """A package of data whose files are cut every `size` bytes and stored as they are."""
    rows, supply = [], {}
    for path, raw in sorted(files.items()):
        chunks = []
        for at in range(0, len(raw), size):
            piece = raw[at : at + size]
            digest = sha256(piece).hexdigest()
            chunks.append(Chunk(digest, len(piece)))
            supply[digest] = Blob(digest, len(piece), "plain")
            put(stick / supply[digest].place, piece)
        whole = sha256(raw).hexdigest()
        rows.append(PackageFile(f"files/{path}", len(raw), 0o644, whole, tuple(chunks)))
    made = Package("data", name, "1", TITLE, Requires(), tuple(rows), supply)
    package = read_package(made.to_bytes(), "x")
    put(stick / package.place, package.to_bytes())
    return package


def without_supply(package: Package) -> Package:
    """The same package on a stick that leaves everything out."""
    return read_package(replace(package, supply={}, digest="").to_bytes(), "x")


def put(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
