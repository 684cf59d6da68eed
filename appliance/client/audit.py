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
    ExportList,
    ExportState,
    ExportWish,
    Proof,
    Receipt,
)
from appliance.contract.audit_archives import ArchiveList, ArchiveView, ArchiveWish
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

    async def audit_archive(self, wish: ArchiveWish) -> ArchiveView:
        """Move old entries into an archive (local socket only)."""
        return await self._wire.view(ArchiveView, "POST", "/api/v1/audit/archives", wish)

    async def audit_archives(self) -> ArchiveList:
        """The archives that hold what has left the box."""
        return await self._wire.view(ArchiveList, "GET", "/api/v1/audit/archives")

    async def audit_export_begin(self, wish: ExportWish) -> ExportState:
        """Begin an export; ask for its state until it is over."""
        return await self._wire.view(ExportState, "POST", "/api/v1/audit/exports", wish)

    async def audit_exports(self) -> ExportList:
        """The exports since the box was opened, newest first."""
        return await self._wire.view(ExportList, "GET", "/api/v1/audit/exports")

    async def audit_export_state(self, export_id: str) -> ExportState:
        """How an export stands."""
        path = f"/api/v1/audit/exports/{quote(export_id, safe='')}"
        return await self._wire.view(ExportState, "GET", path)

    async def audit_export_remove(self, export_id: str) -> None:
        """Cancel an export, or take away what it left on the box."""
        await self._wire.json("DELETE", f"/api/v1/audit/exports/{quote(export_id, safe='')}")

    async def audit_export_fetch(self, export_id: str) -> AsyncIterator[bytes]:
        """A finished export as one ZIP file, piece by piece."""
        path = f"/api/v1/audit/exports/{quote(export_id, safe='')}/download"
        async for piece in self._wire.pieces(path, {}):
            yield piece

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
