"""Archives: old entries are exported to another disk, read back against the log's own tree, and leave."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.errors import ArchiveRefused, ArchiveUnsound
from appliance.audit.event import Event
from appliance.audit.events_archive import archive_step
from appliance.audit.identifiers import microseconds
from appliance.audit.log import AuditLog
from appliance.audit.reading import AuditReader
from appliance.audit.retention import MINIMUM_DAYS
from secure_compute.merkle import leaf_hash
from secure_compute.tiles import WIDTH

_ENTRIES: Final = "entries.ndjson"
_SUMS: Final = "SHA256SUMS"
_LONGEST_LINE: Final = 65_537
_PIECE: Final = 1 << 20

Export = Callable[[Path, int, int], object]
"""Writes an export of first to last entry, inclusive, into a directory that is absent or empty."""


@dataclass(frozen=True, slots=True)
class Archivist:
    """Moves entries out of the log, and only after it has read them where they went.

    Args:
        log: the log.
        export: writes the entries with tiles, checkpoints and verifier.
        clock: the time that ages are counted from.
    """

    log: AuditLog
    export: Export
    clock: Callable[[], datetime]

    def archive(self, actor: str, out: Path, days: int) -> ArchiveRow:
        """Archive every closed entry that is older than some days.

        The hashes of the entries stay: the tree, its checkpoints and new proofs are as before. What
        fails before the last step leaves all entries in the database.

        Args:
            actor: who asks.
            out: a directory that is absent or empty, on the medium that is to keep the archive.
            days: the age in days.

        Returns:
            The archive as the log knows it.

        Raises:
            ArchiveRefused: nothing is old enough, or the age is below what the law asks for.
            ArchiveUnsound: what was read back is not what the log holds.
            AuditExportRefused: it cannot be written there.
            AuditUnavailable: it cannot be recorded; nothing has left the database.
        """
        row = self._planned(out, days)
        self.export(out, row.first, row.end - 1)
        digest = read_back(self.log.reader, out, row.first, row.end)
        row = replace(row, digest=digest)
        span = {"first": row.first, "last": row.end - 1}
        self._record(archive_step("make", actor, name=row.name, digest=digest, **span))
        self._record(archive_step("prune", actor, name=row.name, digest=digest, **span))
        self.log.prune(row)
        return row

    def _planned(self, out: Path, days: int) -> ArchiveRow:
        if days < MINIMUM_DAYS:
            reason = f"{days} 天少于 {MINIMUM_DAYS} 天 {days} days are fewer than {MINIMUM_DAYS}"
            raise ArchiveRefused(reason=reason)
        reader, now = self.log.reader, self.clock()
        first, end = reader.closed_before(microseconds(now - timedelta(days=days)))
        if end <= first:
            reason = f"没有超过 {days} 天的记录 no entries are older than {days} days"
            raise ArchiveRefused(reason=reason)
        since, until = (reader.entry(index).time for index in (first, end - 1))
        place = str(out.absolute())
        return ArchiveRow(first, end, out.name, place, "", since, until, microseconds(now))

    def _record(self, event: Event) -> None:
        self.log.append(event).result()


def read_back(reader: AuditReader, folder: Path, first: int, end: int) -> str:
    """Read an archive where it was written, and hold every byte against the log.

    Args:
        reader: the log.
        folder: the archive.
        first: its first entry; a multiple of 256.
        end: the entry behind its last; a multiple of 256.

    Returns:
        The digest of its list of files, "sha256:" and hexadecimal.

    Raises:
        ArchiveUnsound: a file is not what the list says, or an entry not what the tree says.
    """
    try:
        listed = (folder / _SUMS).read_bytes()
        for line in listed.decode().splitlines():
            digest, _, name = line.partition("  ")
            if _digest_of(folder / name) != digest:
                raise ArchiveUnsound(reason=f"{name} 与清单不符 {name} is not what the list says")
        _compare_entries(reader, folder / _ENTRIES, first, end)
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveUnsound(reason=f"{folder}:{error}") from error
    return f"sha256:{sha256(listed).hexdigest()}"


def _digest_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as stream:
        # What memory holds of the file proves nothing about the medium.
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _compare_entries(reader: AuditReader, path: Path, first: int, end: int) -> None:
    with path.open("rb") as stream:
        for tile in range(first // WIDTH, end // WIDTH):
            lines = [stream.readline(_LONGEST_LINE) for _ in range(WIDTH)]
            hashes = b"".join(leaf_hash(line.removesuffix(b"\n")) for line in lines)
            if hashes != reader.tile(0, tile):
                at = tile * WIDTH
                reason = f"第 {at} 条起的记录不同 the entries from {at} on differ"
                raise ArchiveUnsound(reason=reason)
        if stream.read(1):
            raise ArchiveUnsound(reason="记录过多 there are more entries than there should be")
