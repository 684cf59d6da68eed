"""Exporting the log: entries, tiles, checkpoints, proofs, and a verifier that trusts nobody."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, Final

from appliance.audit.errors import AuditExportEmpty, AuditExportRefused, AuditExportStopped
from appliance.audit.event import Entry
from appliance.audit.export_checkpoints import history_lines, newest
from appliance.audit.export_folder import ExportFolder
from appliance.audit.export_order import (
    EVERYTHING,
    FORMAT,
    ExportReport,
    Materials,
    Selection,
    Watch,
    described,
)
from appliance.audit.export_page import summary_page
from appliance.audit.export_tally import Tally
from appliance.audit.query import entry_of
from appliance.audit.rendering.files import HTML, Rendering, renderings_of
from appliance.audit.rendering.meaning import Source
from appliance.audit.store import Head
from secure_compute.canonical import canonical_bytes
from secure_compute.merkle import inclusion_proof
from secure_compute.note import verify_checkpoint
from secure_compute.tiles import tiles_of
from secure_compute.tlog_proof import TlogProof
from secure_compute.verifier.single_file import verifier_source

_CHUNK: Final = 4096


def export(
    materials: Materials,
    out: Path,
    selection: Selection = EVERYTHING,
    watch: Watch | None = None,
) -> ExportReport:
    """Write an export that `verify.py`, beside it, checks without the box and without libraries.

    A filtered export carries an inclusion proof for each of its entries; one without a filter needs
    none, since the tiles prove every entry between its first and its last.

    Args:
        materials: the log and what belongs to it.
        out: a directory that is absent or empty; it comes into being whole or not at all.
        selection: range, conditions, and what stands beside the entries.
        watch: told how far it is, and asked whether to go on.

    Raises:
        AuditExportRefused: the directory is not empty or cannot be written, or the range is none.
        AuditExportEmpty: no entry meets the conditions.
        AuditExportStopped: whoever watches wants it no more.
        AuditEntryUnknown: the log is empty.
    """
    head = (materials.head or materials.reader.head)()
    made = _Export(materials, selection, watch or Watch(), head)
    try:
        with ExportFolder(out) as folder:
            report = made.write(folder, out)
            folder.finish(made.seal)
    except OSError as error:
        reason = f"{out}:{error.strerror or error}"
        raise AuditExportRefused(reason=reason) from error
    return report


class _Export:
    def __init__(
        self, materials: Materials, selection: Selection, watch: Watch, head: Head
    ) -> None:
        self._materials = materials
        self._reader = materials.reader
        self._selection = selection
        self._watch = watch
        self._head = head
        size, oldest = head.size, materials.reader.first()
        self._first = oldest if selection.first is None else selection.first
        self._last = size - 1 if selection.last is None else selection.last
        if not oldest <= self._first <= self._last < size:
            reason = f"范围 {self._first}-{self._last} 不在 {oldest}-{size - 1} 之内 the range is outside the log"
            raise AuditExportRefused(reason=reason)
        self._nodes = materials.reader.nodes(size)
        self._tally = Tally()
        self._count = 0

    def write(self, folder: ExportFolder, out: Path) -> ExportReport:
        size, reader = self._head.size, self._reader
        cosigned = dict(self._materials.cosigned(size))
        checkpoint = newest(self._head.note.encode(), cosigned.get(size))
        signed = verify_checkpoint(checkpoint, reader.note_key)
        self._write_entries(folder, checkpoint)
        for tile in tiles_of(size):
            self._heed()
            folder.put(tile.path, self._nodes.hashes(tile))
        folder.put("checkpoint", checkpoint)
        with folder.part("checkpoints.ndjson") as part:
            for line in history_lines(reader.checkpoints(), cosigned, size):
                part.write(line)
        folder.put("box.vkey", f"{reader.note_key.vkey}\n".encode())
        if keys := self._materials.keys():
            folder.put("cosigners.vkey", "".join(f"{key}\n" for key in keys).encode())
        folder.put("verify.py", verifier_source())
        manifest = self._manifest()
        folder.put("manifest.json", canonical_bytes(manifest))
        report = ExportReport(out, self._count, self._first, self._last, size, signed.root.hex())
        if HTML in self._selection.formats:
            page = summary_page(self._tally, manifest, report.root, reader.note_key.vkey)
            folder.put("summary.html", page)
        return report

    def seal(self, digest: str) -> bytes:
        """The signed note over the list of digests."""
        return self._materials.seal(f"{FORMAT}\n{self._reader.note_key.name}\n{digest}\n")

    def _manifest(self) -> dict[str, Any]:
        selection = self._selection
        return {
            "bodies": selection.bodies,
            "created": self._materials.clock().isoformat(),
            "entries": self._count,
            "filter": described(selection.filter),
            "first": self._first,
            "format": FORMAT,
            "formats": sorted(selection.formats),
            "last": self._last,
            "origin": self._reader.note_key.name,
            "software": self._materials.source.version,
            "tree_size": self._head.size,
        }

    def _write_entries(self, folder: ExportFolder, checkpoint: bytes) -> None:
        selection = self._selection
        with ExitStack() as stack:
            entries = stack.enter_context(folder.part("entries.ndjson"))
            if not (selection.formats or selection.bodies or selection.filter):
                self._copy(entries.write)
                return
            sinks = self._sinks(stack, folder, checkpoint)
            for entry in self._chosen():
                entries.write(entry.leaf + b"\n")
                for sink in sinks:
                    sink(entry)
                self._count += 1
        if not self._count:
            raise AuditExportEmpty

    def _sinks(
        self, stack: ExitStack, folder: ExportFolder, checkpoint: bytes
    ) -> list[Callable[[Entry], None]]:
        """What else each entry goes into; files stay open as long as the stack."""
        selection = self._selection
        sinks: list[Callable[[Entry], None]] = []
        for rendering in renderings_of(selection.formats):
            part = stack.enter_context(folder.part(rendering.name))
            part.write(rendering.head)
            sinks.append(_rendered(rendering, part.write, self._materials.source))
            stack.callback(part.write, rendering.tail)
        if selection.filter is not None:
            part = stack.enter_context(folder.part("proofs.tlog-proof"))
            sinks.append(self._proving(part.write, checkpoint))
        if selection.bodies:
            part = stack.enter_context(folder.part("bodies.ndjson"))
            sinks.append(_embodied(self._materials.body, part.write))
        if HTML in selection.formats:
            sinks.append(self._tally.count)
        return sinks

    def _copy(self, write: Callable[[bytes], None]) -> None:
        """The entries as they lie, when nothing has to look into them."""
        for start in range(self._first, self._last + 1, _CHUNK):
            self._moved(start)
            found = self._reader.leaves(start, min(start + _CHUNK, self._last + 1))
            write(b"".join(chain.from_iterable((leaf, b"\n") for _, leaf in found)))
            self._count += len(found)

    def _chosen(self) -> Iterator[Entry]:
        query = self._selection.filter
        for start in range(self._first, self._last + 1, _CHUNK):
            self._moved(start)
            end = min(start + _CHUNK, self._last + 1)
            if query is not None:
                yield from self._reader.select(query, start, end)
            else:
                for index, leaf in self._reader.leaves(start, end):
                    yield entry_of(index, leaf)

    def _proving(
        self, write: Callable[[bytes], None], checkpoint: bytes
    ) -> Callable[[Entry], None]:
        def prove(entry: Entry) -> None:
            path = inclusion_proof(self._nodes, entry.index, self._head.size)
            write(TlogProof(entry.index, tuple(path), checkpoint).to_bytes())

        return prove

    def _moved(self, index: int) -> None:
        self._heed()
        self._watch.moved(index - self._first, self._last - self._first + 1)

    def _heed(self) -> None:
        if self._watch.stopped():
            raise AuditExportStopped


def _rendered(
    rendering: Rendering, write: Callable[[bytes], None], source: Source
) -> Callable[[Entry], None]:
    return lambda entry: write(rendering.render(entry, source) + b"\n")


def _embodied(
    body: Callable[[Entry], bytes | None], write: Callable[[bytes], None]
) -> Callable[[Entry], None]:
    def embody(entry: Entry) -> None:
        line = body(entry)
        if line is not None:
            write(line + b"\n")

    return embody
