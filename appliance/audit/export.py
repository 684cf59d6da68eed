"""Exporting the log: entries, tiles, signed checkpoint, and a verifier that trusts nobody."""

import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from appliance.audit.errors import AuditExportRefused
from appliance.audit.event import Entry
from appliance.audit.reading import AuditReader, Query
from appliance.audit.store import Head
from secure_compute.canonical import canonical_bytes
from secure_compute.note import verify_checkpoint
from secure_compute.tiles import tile_bytes, tiles_of
from secure_compute.verifier.single_file import verifier_source

FORMAT: Final = "wardbox-audit-export/1"
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Selection:
    """What goes into an export.

    Args:
        first: first entry; the log's first when None.
        last: last entry, inclusive; the newest when None.
        filter: further conditions (tag, actor, times, request, receipt); every entry when None.
    """

    first: int | None = None
    last: int | None = None
    filter: Query | None = None


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    Args:
        directory: where it lies.
        entries: how many entries.
        first: first index of the range.
        last: last index of the range, inclusive.
        tree_size: size of the signed tree.
        root: its root, hexadecimal.
    """

    directory: Path
    entries: int
    first: int
    last: int
    tree_size: int
    root: str


def export(
    reader: AuditReader,
    out: Path,
    selection: Selection = Selection(),  # frozen, so sharing it is harmless
    *,
    clock: Callable[[], datetime],
) -> ExportReport:
    """Write an export that `verify.py`, beside it, checks without the box and without libraries.

    A part of the log carries an inclusion proof for each of its entries. The manifest is written
    last: a directory without it is no export.

    Args:
        reader: the log.
        out: a directory that is absent or empty.
        selection: range and conditions.
        clock: the time that the manifest names.

    Raises:
        AuditExportRefused: the directory is not empty or cannot be written, or the range is none.
        AuditEntryUnknown: the log is empty.
    """
    head = reader.head()
    try:
        return _Export(reader, out, head).write(selection, clock)
    except OSError as error:
        reason = f"{out}:{error.strerror or error}"
        raise AuditExportRefused(reason=reason) from error


class _Export:
    def __init__(self, reader: AuditReader, out: Path, head: Head) -> None:
        self._reader = reader
        self._out = out
        self._head = head
        self._nodes = reader.nodes(head.size)
        self._digests: dict[str, str] = {}

    def write(self, selection: Selection, clock: Callable[[], datetime]) -> ExportReport:
        size = self._head.size
        first = 0 if selection.first is None else selection.first
        last = size - 1 if selection.last is None else selection.last
        if not 0 <= first <= last < size:
            raise AuditExportRefused(
                reason=f"范围 {first}-{last} 不在 0-{size - 1} 之内 the range is outside the log"
            )
        self._make_directory()
        whole = (first, last) == (0, size - 1) and selection.filter is None
        indexes = self._write_entries(first, last, selection.filter)
        if not whole:
            self._write_proofs(indexes)
        for tile in tiles_of(size):
            self._put(tile.path, tile_bytes(self._nodes, tile))
        self._put("checkpoint", self._head.note.encode())
        self._put("box.vkey", f"{self._reader.note_key.vkey}\n".encode())
        signed = verify_checkpoint(self._head.note.encode(), self._reader.note_key)
        self._put("verify.py", verifier_source(), listed=False)
        manifest = {
            "created": clock().isoformat(),
            "files": self._digests,
            "filter": _described(selection.filter),
            "first": first,
            "format": FORMAT,
            "last": last,
            "origin": self._reader.note_key.name,
            "tree_size": size,
        }
        self._put("manifest.json", canonical_bytes(manifest), listed=False)
        return ExportReport(self._out, len(indexes), first, last, size, signed.root.hex())

    def _make_directory(self) -> None:
        self._out.mkdir(mode=0o700, parents=True, exist_ok=True)
        if next(self._out.iterdir(), None) is not None:
            raise AuditExportRefused(reason=f"{self._out} 不是空目录 is not empty")

    def _write_entries(self, first: int, last: int, query: Query | None) -> list[int]:
        indexes: list[int] = []
        digest = sha256()
        with _created(self._out / "entries.ndjson") as stream:
            for entry in self._chosen(first, last, query):
                line = entry.leaf + b"\n"
                stream.write(line)
                digest.update(line)
                indexes.append(entry.index)
        self._digests["entries.ndjson"] = f"sha256:{digest.hexdigest()}"
        return indexes

    def _chosen(self, first: int, last: int, query: Query | None) -> Iterator[Entry]:
        for start in range(first, last + 1, _CHUNK):
            for entry in self._reader.entries(start, min(start + _CHUNK, last + 1)):
                if query is None or _meets(entry, query):
                    yield entry

    def _write_proofs(self, indexes: list[int]) -> None:
        digest = sha256()
        with _created(self._out / "proofs.json") as stream:
            for number, index in enumerate(indexes):
                path = self._reader.inclusion(index, self._head.size)
                proof = [b64encode(step).decode() for step in path]
                item = orjson.dumps({"index": index, "proof": proof})
                piece = (b",\n" if number else b"[") + item
                stream.write(piece)
                digest.update(piece)
            end = b"]\n" if indexes else b"[]\n"
            stream.write(end)
            digest.update(end)
        self._digests["proofs.json"] = f"sha256:{digest.hexdigest()}"

    def _put(self, name: str, content: bytes, *, listed: bool = True) -> None:
        path = self._out / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _created(path) as stream:
            stream.write(content)
        if listed:
            self._digests[name] = f"sha256:{sha256(content).hexdigest()}"


def _created(path: Path) -> Any:
    # O_EXCL: an export never writes through a link that someone laid into its directory.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "wb")


def _meets(entry: Entry, query: Query) -> bool:
    event = entry.event
    if query.tag is not None:
        whole = not query.tag.endswith("*")
        if not (event.tag == query.tag if whole else event.tag.startswith(query.tag[:-1])):
            return False
    if query.receipt is not None and event.details.get("receipt") != query.receipt:
        return False
    return (
        query.actor in {None, event.actor}
        and query.request_id in {None, event.request_id}
        and (query.since is None or entry.time >= query.since)
        and (query.until is None or entry.time <= query.until)
    )


def _described(query: Query | None) -> dict[str, object] | None:
    if query is None:
        return None
    conditions = {
        "actor": query.actor,
        "receipt": query.receipt,
        "request_id": query.request_id,
        "since": query.since,
        "tag": query.tag,
        "until": query.until,
    }
    return {name: value for name, value in conditions.items() if value is not None}
