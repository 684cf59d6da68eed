"""Closing: full segments of the log are compressed and indexed, a little at a time, between commits."""

from typing import Final

import orjson

from appliance.audit.bundle import BUNDLE, Packer, time_in
from appliance.audit.closed_store import ClosedWriter, Segment
from appliance.audit.postings import SEGMENT, Building
from appliance.audit.query import NAMED_BY_SUBJECT, models_in
from appliance.audit.store import AuditRows, Row

STEP: Final = 1024
"""Entries that one step reads, or removes: about ten milliseconds."""

PRESSING: Final = 16 * SEGMENT
"""Entries that may wait to be closed before a busy log is made to wait for it."""

_FREED: Final = 64


class Closer:
    """Closes what can be closed, step by step; used by the writing thread between its commits.

    A step that is lost with the process is made again: what is half gathered was not stored, and a
    segment is stored whole. Rows of a stored segment are removed later; readers pass over them.

    Args:
        rows: reads the open part.
        store: writes the closed part.
    """

    def __init__(self, rows: AuditRows, store: ClosedWriter) -> None:
        self._rows = rows
        self._store = store
        self._packer = Packer()
        extent = store.extent()
        self._closed = extent.closed
        lowest = store.lowest_row()
        self._swept = self._closed if lowest is None else min(lowest, self._closed)
        # Where entries have left for an archive, their room may not all be free yet.
        self._freeing: int | None = -1 if extent.first else None
        self._begin()

    def _begin(self) -> None:
        self._building = Building()
        self._bundles: list[tuple[int, bytes]] = []

    def waiting(self, size: int) -> int:
        """Entries of a log of this size that lie in no bundle."""
        return size - self._closed

    def free(self) -> None:
        """Entries were archived: free their room from now on."""
        self._freeing = -1

    def step(self, size: int) -> bool:
        """Do a few milliseconds of what there is to do.

        Args:
            size: entries in the log.

        Returns:
            Whether there is more.

        Raises:
            DbError: nothing of this step was kept.
            AuditTampered: the entries to close are not what they must be.
        """
        if self._swept < self._closed:
            end = min(self._swept + STEP, self._closed)
            self._store.sweep(end)
            self._swept = end
        elif len(self._bundles) * BUNDLE == SEGMENT:
            self._finish()
        elif size - self._closed >= SEGMENT:
            self._gather()
        elif self._freeing is not None:
            self._free_some()
        return (
            self._swept < self._closed
            or size - self._closed >= SEGMENT
            or self._freeing is not None
        )

    def _gather(self) -> None:
        first = self._closed + len(self._bundles) * BUNDLE
        rows = self._rows.rows(first, first + STEP)
        for row in rows:
            index_row(self._building, row[0] - self._closed, row)
        leaves = [row[-1] for row in rows]
        for at in range(0, len(leaves) - BUNDLE + 1, BUNDLE):
            piece = leaves[at : at + BUNDLE]
            self._bundles.append((time_in(piece[0]), self._packer.pack(piece)))

    def _finish(self) -> None:
        number, tags = self._closed // SEGMENT, self._building.tags
        postings = self._building.finish()
        self._store.store(Segment(number, self._bundles, postings, tags))
        self._closed += SEGMENT
        self._begin()

    def _free_some(self) -> None:
        if not self._store.remove_some(_FREED) and self._freeing is not None:
            self._freeing = self._store.remove_postings(self._freeing, _FREED)


def index_row(building: Building, offset: int, row: Row) -> None:
    """Add an entry to the postings of its segment."""
    _, _, tag, actor, request, receipt, leaf = row
    models: tuple[str, ...] = ()
    # Few leaves name neither patient nor model; those need not be parsed.
    if b'"model' in leaf or b'"patient":' in leaf or tag.startswith(NAMED_BY_SUBJECT):
        told = orjson.loads(leaf)
        models = models_in(tag, told["subject"], told["details"])
        patient = told["details"].get("patient")
        if isinstance(patient, str):
            building.add_rare(offset, "patient", patient)
    building.add(offset, (tag, actor, models))
    if request is not None:
        building.add_rare(offset, "request", request)
    if receipt is not None and (request is None or receipt[4:] != request[4:]):
        building.add_rare(offset, "request", receipt)
