"""Routes of the witnesses: who cosigns the record, and what goes to them and comes back."""

from typing import Annotated

from fastapi import APIRouter, Query

from appliance.api.deps import AuditExporter, AuditReaderGrant, Box, VaultWriter
from appliance.api.outside_views import checkpoint_view, offer_view, taken_view, witness_list
from appliance.contract.outside import (
    BroughtNotes,
    CheckpointPage,
    CheckpointQuery,
    OfferList,
    TakenList,
    WitnessList,
    WitnessWish,
)

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
_ALL = 2**62


@router.get("/checkpoints")
def checkpoints(
    wish: Annotated[CheckpointQuery, Query()], box: Box, _: AuditReaderGrant
) -> CheckpointPage:
    """Cosigned checkpoints with every cosignature, largest first."""
    upto = _ALL if wish.before is None else wish.before - 1
    found = tuple(checkpoint_view(o) for o in box.outside.witnesses.latest(upto, wish.limit))
    full = len(found) == wish.limit
    return CheckpointPage(checkpoints=found, next_before=found[-1].size if full else None)


@router.get("/witnesses")
def witnesses(box: Box, _: AuditReaderGrant) -> WitnessList:
    """The box's second key and every witness, with the age of their last cosignatures."""
    return witness_list(box.outside.witnesses, box.log.reader.size())


@router.post("/witnesses", status_code=201)
def add(wish: WitnessWish, box: Box, who: VaultWriter) -> WitnessList:
    """Register a witness; compare its key with what its own machine shows."""
    box.outside.witnesses.add(wish.name, wish.key, who.actor)
    return witness_list(box.outside.witnesses, box.log.reader.size())


@router.delete("/witnesses/{name}", status_code=204)
def remove(name: str, box: Box, who: VaultWriter) -> None:
    """Forget a witness; what it cosigned stays."""
    box.outside.witnesses.remove(name, who.actor)


@router.post("/witnesses/offers")
def offers(box: Box, _: AuditExporter) -> OfferList:
    """What goes onto a stick for the witnesses: the newest checkpoint, and that the log only grew."""
    made = tuple(offer_view(one) for one in box.outside.witnesses.offers())
    return OfferList(offers=made, key=box.log.note_key.vkey)


@router.post("/witnesses/cosignatures")
def take(wish: BroughtNotes, box: Box, who: AuditExporter) -> TakenList:
    """Take in what witnesses cosigned; each is held against the log."""
    brought = [(one.name, one.note.encode()) for one in wish.notes]
    taken = box.outside.witnesses.take(brought, who.actor)
    return TakenList(taken=tuple(taken_view(one) for one in taken))


@router.post("/witnesses/second-key", status_code=201)
def renew(box: Box, who: VaultWriter) -> WitnessList:
    """Make another second key, after a lawful restore or on another machine."""
    box.outside.witnesses.renew(who.actor)
    return witness_list(box.outside.witnesses, box.log.reader.size())
