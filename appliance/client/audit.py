"""The part of a conversation with a box that is about its audit log."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from appliance.client.problem import ProblemError
from appliance.client.transport import Transport
from appliance.contract.audit import (
    AuditVerified,
    CheckpointView,
    Entry,
    EntryPage,
    Exported,
    ExportWish,
    Proof,
    Receipt,
)
from appliance.contract.problem import Problem


class AuditCalls:
    """Entries, proofs, receipts and exports; the errors of `Session`, which is one of these."""

    _wire: Transport

    async def audit_entries(self, **query: str) -> EntryPage:
        """Entries, newest first; the names of the query are those of `EntryQuery`."""
        return await self._wire.view(EntryPage, "GET", "/api/v1/audit/entries", query=query)

    async def audit_checkpoint(self) -> CheckpointView:
        """The newest signed checkpoint."""
        return await self._wire.view(CheckpointView, "GET", "/api/v1/audit/checkpoint")

    async def audit_proof(self, index: int) -> Proof:
        """The inclusion proof of one leaf."""
        return await self._wire.view(Proof, "GET", f"/api/v1/audit/proof/{index}")

    async def audit_verify(self) -> AuditVerified:
        """Recompute the whole log."""
        return await self._wire.view(AuditVerified, "POST", "/api/v1/audit/verify")

    async def audit_export(self, wish: ExportWish) -> Exported:
        """Export the log for an auditor."""
        return await self._wire.view(Exported, "POST", "/api/v1/audit/export", wish)

    async def receipt(self, receipt_id: str) -> Receipt:
        """From a receipt to the weights that wrote the answer."""
        path = f"/api/v1/audit/receipts/{quote(receipt_id, safe='')}"
        return await self._wire.view(Receipt, "GET", path)

    async def audit_live(self) -> AsyncIterator[Entry]:
        """Entries as they become durable, from now on."""
        async for sent in self._wire.events("GET", "/api/v1/audit/live"):
            if sent.event == "error":
                raise ProblemError(Problem.model_validate_json(sent.data))
            yield Entry.model_validate_json(sent.data)
