"""Routes of archives of the audit log: make one, list them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from appliance.api.deps import AuditExporter, AuditReaderGrant, Box, LocalDoor, TheFront
from appliance.audit.archive import Archivist
from appliance.audit.closed_store import ArchiveRow
from appliance.contract.audit_archives import ArchiveList, ArchiveView, ArchiveWish

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@router.get("/archives")
def archives(box: Box, _: AuditReaderGrant) -> ArchiveList:
    """The archives that hold what has left the box."""
    return ArchiveList(archives=tuple(archive_view(one) for one in box.log.reader.archives()))


@router.post("/archives")
def archive(
    wish: ArchiveWish, front: TheFront, box: Box, who: AuditExporter, _: LocalDoor
) -> ArchiveView:
    """Move old entries into an archive on the box's own disks, and wait for it (local socket only)."""
    days = front.settings.audit.retention_days if wish.days is None else wish.days
    archivist = Archivist(box.log, box.exports.write, front.clock)
    return archive_view(archivist.archive(who.actor, Path(wish.out), days))


def archive_view(row: ArchiveRow) -> ArchiveView:
    """An archive as callers see it."""
    return ArchiveView(
        first=row.first,
        last=row.end - 1,
        name=row.name,
        place=row.place,
        digest=row.digest,
        since=_moment(row.since),
        until=_moment(row.until),
        made=_moment(row.made),
    )


def _moment(stamp: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stamp)
