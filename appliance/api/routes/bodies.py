"""Routes of what stands behind the record: reading a body, forgetting a patient."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from appliance.api import key_changes
from appliance.api.body_views import body_view
from appliance.api.deps import BodyReaderGrant, Box, RequestId, TheFront, VaultWriter
from appliance.contract.bodies import BodyView, ForgetWish
from appliance.contract.vault_keys import DestructionCertificate, Erasure

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
Entry = Annotated[str, Path(pattern=r"^(rcp_[0-9a-f]{30}|[0-9]{1,18})$")]


@router.get("/bodies/{entry}")
async def body(entry: Entry, box: Box, who: BodyReaderGrant, request_id: RequestId) -> BodyView:
    """The texts behind an entry, by its index or receipt; that they were read is recorded first."""
    which = int(entry) if entry.isdigit() else entry
    found = await asyncio.to_thread(box.disclosure.read, who.actor, request_id, which)
    return body_view(found)


@router.post("/forget")
async def forget(wish: ForgetWish, front: TheFront, who: VaultWriter) -> DestructionCertificate:
    """Destroy the keys of a patient for good: nobody can read their bodies then; the log stays valid."""
    erasure = Erasure(
        kind="patient", subject=wish.patient, confirm=wish.confirm, approval=wish.approval
    )
    return await key_changes.erase(front, erasure, who)
