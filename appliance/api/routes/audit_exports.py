"""Routes of exports of the audit log: ask for one, watch it, fetch it, take it away."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from appliance.api.deps import AuditExporter, Box, Local
from appliance.api.export_views import asked_of, export_view
from appliance.audit.export_zip import zipped
from appliance.contract.audit import Exported, ExportList, ExportState, ExportWish

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
ExportId = Annotated[str, Path(max_length=64)]


@router.post("/export")
def export_log(wish: ExportWish, box: Box, who: AuditExporter, local: Local) -> Exported:
    """Export the log with its verifier, and wait for it."""
    out = None if wish.out is None else FilePath(wish.out)
    begun = box.exports.begin(who.actor, asked_of(wish, box, who, local=local), out)
    report = box.exports.wait(begun.id)
    return Exported(directory=str(report.directory), entries=report.entries, root=report.root)


@router.post("/exports", status_code=202)
def begin_export(wish: ExportWish, box: Box, who: AuditExporter, local: Local) -> ExportState:
    """Begin an export of the log; a folder of one's own can be named on the box only."""
    out = None if wish.out is None else FilePath(wish.out)
    return export_view(box.exports.begin(who.actor, asked_of(wish, box, who, local=local), out))


@router.get("/exports")
def exports(box: Box, _: AuditExporter) -> ExportList:
    """The exports since the box was opened, newest first."""
    return ExportList(exports=tuple(export_view(one) for one in box.exports.list()))


@router.get("/exports/{export_id}")
def export_state(export_id: ExportId, box: Box, _: AuditExporter) -> ExportState:
    """How an export stands."""
    return export_view(box.exports.find(export_id))


@router.delete("/exports/{export_id}", status_code=204)
def remove_export(export_id: ExportId, box: Box, _: AuditExporter) -> None:
    """Cancel an export, or take away what it left on the box."""
    box.exports.remove(export_id)


@router.get("/exports/{export_id}/download", response_class=StreamingResponse)
def download_export(export_id: ExportId, box: Box, _: AuditExporter) -> StreamingResponse:
    """A finished export as one ZIP file."""
    folder = box.exports.finished(export_id)
    headers = {"Content-Disposition": f'attachment; filename="{folder.name}.zip"'}
    return StreamingResponse(zipped(folder), media_type="application/zip", headers=headers)
