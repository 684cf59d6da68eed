"""What one package is: its files, the chunks they are made of, and how a stick carries each chunk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal

from models.card import Bilingual
from secure_compute.canonical import canonical_bytes

SCHEMA: Final = "wardbox-package-v1"
KINDS: Final = ("software", "models", "evaluations", "baselines", "data")
"""What a package may be; each is signed for by a role of that name."""
SOFTWARE: Final = "software"
MODELS: Final = "models"
SOFTWARE_ID: Final = "wardbox"
"""The one package of the kind software."""
PACKAGE: Final = "package.json"
CARD: Final = "card.json"
FILES: Final = "files"
RELEASE: Final = "release"
MAX_MANIFEST: Final = 8 << 20
MAX_CHUNK: Final = 16 << 20
"""Bytes of a chunk: what is held in memory of a file of any size."""
CHUNKS: Final = "chunks"

Form = Literal["plain", "zstd", "delta"]
NO_SUPPLY: Final[Mapping[str, "Blob"]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file, named by its content.

    Attributes:
        sha256: Digest in hex.
        size: Bytes, at most `MAX_CHUNK`.
    """

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Blob:
    """What a stick holds in place of a chunk.

    Attributes:
        sha256: Digest of the stored bytes in hex; also their name on the stick.
        size: Stored bytes.
        form: "plain": the chunk itself; "zstd": compressed; "delta": what differs from `base`.
        base: Digest of the chunk that a delta starts from, which the box must have.
    """

    sha256: str
    size: int
    form: Form
    base: str | None = None

    @property
    def place(self) -> str:
        """Its path inside a bundle."""
        return f"{CHUNKS}/{self.sha256[:2]}/{self.sha256}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package.

    Attributes:
        name: Its path inside the package, with "/".
        size: Bytes.
        mode: 0o644 or 0o755.
        sha256: Digest of the whole file in hex.
        chunks: What it is made of, in order; none for an empty file.
    """

    name: str
    size: int
    mode: int
    sha256: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Requires:
    """Where a package may go.

    Attributes:
        wardbox: Releases that it may follow; none: any.
        hardware: Hardware classes that it is made for; none: any.
        box: The one box that it is licensed to; None: any.
    """

    wardbox: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()
    box: str | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """What a release does to the database.

    Attributes:
        schema: Number of the schema after it.
        downtime_s: Seconds that the box is expected to be away.
    """

    schema: int
    downtime_s: int


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a package is licensed to one box: what the stick stores of it is encrypted.

    Attributes:
        recipient: The box's age recipient, `age1...`.
        key: The key of the package for that recipient: an age file in base64.
    """

    recipient: str
    key: str


@dataclass(frozen=True, slots=True)
class Package:
    """One signed package, as its manifest tells.

    Attributes:
        kind: One of `KINDS`.
        package_id: Its name; a model's is the id of its card.
        version: Of this content.
        title: For people.
        requires: Where it may go.
        files: By name.
        supply: Chunk digest -> what the stick holds of it. A chunk that is not in here must be on
            the box already.
        database: Of a release that says so.
        digest: SHA-256 of the manifest in hex; empty while a vendor makes it.
        sealed: Of a model that one box alone can open.
    """

    kind: str
    package_id: str
    version: str
    title: Bilingual
    requires: Requires
    files: tuple[PackageFile, ...]
    supply: Mapping[str, Blob]
    database: Database | None = None
    digest: str = ""
    sealed: Sealing | None = None

    @property
    def target(self) -> str:
        """The path that is signed for."""
        return f"{self.kind}/{self.package_id}/{self.version}/{PACKAGE}"

    @property
    def place(self) -> str:
        """Where the manifest lies inside a bundle."""
        return f"targets/{self.kind}/{self.package_id}/{self.version}/{self.digest}.{PACKAGE}"

    @property
    def content(self) -> str:
        """Digest of all but the supply: the same for whichever bundle brought it, in hex."""
        return sha256(replace(self, supply=NO_SUPPLY).to_bytes()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    @property
    def shipped(self) -> int:
        """Bytes that the stick holds of it."""
        return sum(blob.size for blob in self.blobs())

    def file(self, name: str) -> PackageFile | None:
        """A file by its name."""
        return next((file for file in self.files if file.name == name), None)

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk once, in the order of the files."""
        seen: set[str] = set()
        for file in self.files:
            for chunk in file.chunks:
                if chunk.sha256 not in seen:
                    seen.add(chunk.sha256)
                    yield chunk

    def blobs(self) -> Iterator[Blob]:
        """What the stick holds of it, each once, in the order of the files."""
        seen: set[str] = set()
        for chunk in self.chunks():
            blob = self.supply.get(chunk.sha256)
            if blob is not None and blob.sha256 not in seen:
                seen.add(blob.sha256)
                yield blob

    def to_bytes(self) -> bytes:
        """The manifest: canonical JSON, one form for one package."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "kind": self.kind,
            "id": self.package_id,
            "version": self.version,
            "title": {"zh": self.title.zh, "en": self.title.en},
            "requires": _requires(self.requires),
            "files": [_file(file) for file in self.files],
            "supply": {name: _blob(blob) for name, blob in self.supply.items()},
        }
        if self.database is not None:
            schema, downtime = self.database.schema, self.database.downtime_s
            document["database"] = {"schema": schema, "downtime_s": downtime}
        if self.sealed is not None:
            document["sealed"] = {"recipient": self.sealed.recipient, "key": self.sealed.key}
        return canonical_bytes(document)


def _requires(requires: Requires) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if requires.wardbox:
        found["wardbox"] = list(requires.wardbox)
    if requires.hardware:
        found["hardware"] = list(requires.hardware)
    if requires.box is not None:
        found["box"] = requires.box
    return found


def _file(file: PackageFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "size": file.size,
        "mode": f"{file.mode:04o}",
        "sha256": file.sha256,
        "chunks": [[chunk.sha256, chunk.size] for chunk in file.chunks],
    }


def _blob(blob: Blob) -> dict[str, Any]:
    row: dict[str, Any] = {"blob": blob.sha256, "size": blob.size, "form": blob.form}
    if blob.base is not None:
        row["base"] = blob.base
    return row
