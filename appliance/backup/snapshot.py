"""What a snapshot is: entries of files, its record, and the signed list of all snapshots."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Self
from urllib.parse import quote_from_bytes, unquote_to_bytes

import orjson

from appliance.backup.sealing import ID_SIZE, damaged
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError
from secure_compute.signing import SigningKey, VerifyKey

LIST_FORMAT: Final = "wardbox-backup-list/1"
_SIGNED: Final = b"wardbox/v1/backup-list\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the state directory.

    Args:
        path: below the state directory, with slashes; the bytes of odd names are kept.
        kind: "f" a file, "d" a directory, "l" a symbolic link, "h" another name of a file.
        mode: permission bits.
        size: bytes of a file.
        stamps: modification and change time in nanoseconds, and inode: whether it is unchanged.
        chunks: keyed hashes of its content, joined.
        to: what a link points to, or the path that a further name stands for.
    """

    path: str
    kind: str
    mode: int = 0o600
    size: int = 0
    stamps: tuple[int, int, int] = (0, 0, 0)
    chunks: bytes = b""
    to: str = ""

    def line(self) -> bytes:
        """One line of a manifest."""
        row = [
            quote_from_bytes(self.path.encode("utf-8", "surrogateescape")),
            self.kind,
            self.mode,
            self.size,
            list(self.stamps),
            b64encode(self.chunks).decode(),
            quote_from_bytes(self.to.encode("utf-8", "surrogateescape")),
        ]
        return orjson.dumps(row) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read a line of a manifest. Raises BackupDamaged."""
        try:
            path, kind, mode, size, stamps, chunks, to = orjson.loads(line)
            return cls(
                path=_unquoted(path),
                kind=kind,
                mode=int(mode) & 0o7777,
                size=int(size),
                stamps=(int(stamps[0]), int(stamps[1]), int(stamps[2])),
                chunks=b64decode(chunks, validate=True),
                to=_unquoted(to),
            )
        except (ValueError, TypeError, IndexError, Base64Error) as error:
            raise damaged("manifest", "条目不可读", "an entry cannot be read") from error

    def ids(self) -> Iterator[bytes]:
        """The keyed hashes one by one."""
        for at in range(0, len(self.chunks), ID_SIZE):
            yield self.chunks[at : at + ID_SIZE]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot in the list.

    Args:
        number: counts up and is never used twice.
        time: when it was begun, Unix seconds; never runs backwards along the list.
        version: of the software.
        files: how many files.
        size: their bytes in all.
        added: bytes that this snapshot added to the target.
        tree_size: entries of the audit log in it.
        checkpoint: the log's signed checkpoint of that size.
        manifest: keyed hashes of the manifest's chunks, hexadecimal.
        root: the vault's root key, sealed under the backup's keys (base64).
    """

    number: int
    time: int
    version: str
    files: int
    size: int
    added: int
    tree_size: int
    checkpoint: str
    manifest: tuple[str, ...]
    root: str

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "added": self.added,
            "checkpoint": self.checkpoint,
            "files": self.files,
            "manifest": list(self.manifest),
            "number": self.number,
            "root": self.root,
            "size": self.size,
            "time": self.time,
            "tree_size": self.tree_size,
            "version": self.version,
        }

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> Self:
        """Read such an object; its bytes were authentic, so its shape is ours."""
        return cls(**{**value, "manifest": tuple(value["manifest"])})


@dataclass(frozen=True, slots=True)
class SnapshotList:
    """All snapshots of a backup, as one signed generation.

    Args:
        repository: id of the backup.
        generation: counts up with every change.
        previous: SHA-256 of the generation before, hexadecimal; empty for the first.
        indexes: the index objects that together name every pack.
        snapshots: oldest first.
        next_number: of the next snapshot.
    """

    repository: str
    generation: int = 0
    previous: str = ""
    indexes: tuple[str, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    next_number: int = 1

    @property
    def newest(self) -> Snapshot | None:
        """The latest snapshot."""
        return self.snapshots[-1] if self.snapshots else None

    def body(self) -> bytes:
        """Canonical JSON."""
        return canonical_bytes(
            {
                "format": LIST_FORMAT,
                "generation": self.generation,
                "indexes": list(self.indexes),
                "next_number": self.next_number,
                "previous": self.previous,
                "repository": self.repository,
                "snapshots": [one.to_json() for one in self.snapshots],
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the body: how the next generation and the box's memory name this one."""
        return sha256(self.body()).hexdigest()

    def following(self, **changes: Any) -> "SnapshotList":
        """The next generation."""
        return replace(self, generation=self.generation + 1, previous=self.digest, **changes)

    def signed(self, key: SigningKey) -> bytes:
        """Body and signature."""
        body = self.body()
        value = {"body": body.decode(), "signature": key.sign(_SIGNED + body).hex()}
        return canonical_bytes(value)

    @classmethod
    def verified(cls, data: bytes, key: VerifyKey, name: str) -> "SnapshotList":
        """Read what `signed` made. Raises BackupDamaged."""
        try:
            value = parse_canonical(data)
            body = str(value["body"]).encode()
            key.verify(bytes.fromhex(value["signature"]), _SIGNED + body)
            told = parse_canonical(body)
            if told["format"] != LIST_FORMAT:
                raise damaged(name, "格式未知", "its format is unknown")
            return cls(
                repository=told["repository"],
                generation=told["generation"],
                previous=told["previous"],
                indexes=tuple(told["indexes"]),
                snapshots=tuple(Snapshot.parse(one) for one in told["snapshots"]),
                next_number=told["next_number"],
            )
        except (SecureComputeError, KeyError, TypeError, ValueError) as error:
            raise damaged(name, "签名或内容不对", "signature or content do not hold") from error


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")
