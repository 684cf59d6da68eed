"""Routes of metered use: sums, and the whole table as CSV."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from appliance.api.deps import Box, UsageReader
from appliance.api.people_views import usage_report
from appliance.contract.moment import DayOrMoment
from appliance.contract.usage import UsageBy, UsageReport

router = APIRouter(prefix="/api/v1/usage", tags=["access"])

Since = Annotated[DayOrMoment | None, Query(alias="from")]
Until = Annotated[DayOrMoment | None, Query(alias="to")]


@router.get("")
def usage(
    box: Box, _: UsageReader, since: Since = None, until: Until = None, by: UsageBy = "key"
) -> UsageReport:
    """Metered use from `from` until `to` (this month so far), added up by key, user, model or day."""
    reports = box.access.reports
    span = reports.range(_seconds(box, since), _seconds(box, until))
    return usage_report(span, by, reports.sums(by, *span))


@router.get("/export", response_class=StreamingResponse)
def export(
    box: Box, who: UsageReader, since: Since = None, until: Until = None
) -> StreamingResponse:
    """The hourly rows as CSV (RFC 4180, UTF-8 with a byte order mark), for spreadsheets."""
    rows = box.access.reports.export(_seconds(box, since), _seconds(box, until), who)
    named = {"Content-Disposition": 'attachment; filename="wardbox-usage.csv"'}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=named)


def _seconds(box: Box, at: datetime | date | None) -> float | None:
    if at is None or isinstance(at, datetime):
        return None if at is None else at.timestamp()
    return float(box.access.rules.calendar.begins(at))
