"""Routes of the audit log: search, proofs, receipts, verification, export, live tail."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from appliance.api.deps import AuditReaderGrant, Box, RequestId, Stands, TheFront
from appliance.api.events import Told, event_stream
from appliance.api.views import entry_view, receipt_view
from appliance.audit import reading
from appliance.audit.events import audit_verify
from appliance.audit.identifiers import microseconds
from appliance.audit.reading import AuditReader
from appliance.audit.receipts import resolve
from appliance.audit.retention import held_elsewhere
from appliance.audit.verify import verify
from appliance.contract.audit import (
    AuditVerified,
    CheckpointView,
    Entry,
    EntryPage,
    EntryQuery,
    Proof,
    Receipt,
)
from secure_compute.merkle import Frontier, leaf_hash

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
_TAIL_S: Final = 0.5
_TAIL_MOST: Final = 500
Index = Annotated[int, Path(ge=0, le=2**62)]


def _query(wish: EntryQuery) -> reading.Query:
    return reading.Query(
        tag=wish.tag,
        actor=wish.actor,
        since=None if wish.since is None else microseconds(wish.since),
        until=None if wish.until is None else microseconds(wish.until),
        request_id=wish.request_id,
        patient=wish.patient,
        model=wish.model,
        limit=wish.limit,
        before=wish.before,
    )


@router.get("/entries")
def entries(wish: Annotated[EntryQuery, Query()], box: Box, who: AuditReaderGrant) -> EntryPage:
    """Entries, newest first."""
    reader, query = box.log.reader, _query(wish)
    found = tuple(entry_view(e, leaf_hash(e.leaf)) for e in reader.search(query))
    box.log.searches.note(who.actor, query)
    full = len(found) == wish.limit and found[-1].index > 0
    following = found[-1].index if full else None
    archived = None if full else held_elsewhere(reader, query)
    return EntryPage(entries=found, next_before=following, archived=archived)


@router.get("/checkpoint")
def checkpoint(box: Box, _: AuditReaderGrant) -> CheckpointView:
    """The newest signed checkpoint."""
    head = box.log.reader.head()
    root = Frontier(head.size, head.peaks).root()
    return CheckpointView(checkpoint=head.note, size=head.size, root=root.hex())


@router.get("/proof/{index}")
def proof(index: Index, box: Box, _: AuditReaderGrant) -> Proof:
    """The inclusion proof of one entry in the newest checkpoint."""
    reader = box.log.reader
    head = reader.head()
    return Proof(
        index=index,
        size=head.size,
        leaf_hash=reader.leaf_hash(index).hex(),
        hashes=tuple(part.hex() for part in reader.inclusion(index, head.size)),
        checkpoint=head.note,
    )


@router.get("/receipts/{receipt_id}")
def receipt(receipt_id: str, box: Box, _: AuditReaderGrant) -> Receipt:
    """From an answer's receipt to the weights that wrote it, with the proof."""
    found = resolve(box.log.reader, receipt_id)
    return receipt_view(found, box.disclosure.standing(found.details))


@router.post("/verify")
def verify_log(front: TheFront, box: Box, who: AuditReaderGrant) -> AuditVerified:
    """Recompute the whole log."""
    report = verify(box.log.reader)
    front.integrity.tell(report)
    box.log.append(audit_verify(who.actor, size=report.entries, ok=report.ok)).result()
    return AuditVerified(
        ok=report.ok, entries=report.entries, root=report.root, sentence=report.sentence
    )


@router.get("/live", response_class=Response)
async def live(
    front: TheFront, box: Box, who: AuditReaderGrant, request_id: RequestId, stands: Stands
) -> StreamingResponse:
    """Entries as they become durable, from now on (SSE)."""
    reader = box.log.reader
    source = _follow(reader, await asyncio.to_thread(reader.size))
    return event_stream(source, request_id, front.stopping, partial(stands.holds, who))


async def _follow(reader: AuditReader, after: int) -> AsyncIterator[Told]:
    """Look for new entries twice a second: a tail is read by eyes, and costs the log nothing."""
    while True:
        for view in await asyncio.to_thread(_since, reader, after):
            after = view.index + 1
            yield Told("entry", view, str(view.index))
        await asyncio.sleep(_TAIL_S)


def _since(reader: AuditReader, after: int) -> list[Entry]:
    size = reader.size()
    # Under load a tail shows the newest entries, not every one of thousands a second.
    first = max(after, size - _TAIL_MOST)
    return [entry_view(e, leaf_hash(e.leaf)) for e in reader.entries(first, size)]
