"""How long entries stay in the database, and which archives hold those that have left it."""

from datetime import UTC, datetime, timedelta
from typing import Final

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader

MINIMUM_DAYS: Final = 183
"""The Cybersecurity Law and GB/T 22239-2019 level 3 expect six months at least."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def held_elsewhere(reader: AuditReader, query: Query) -> str | None:
    """A sentence on the archives that may hold entries of a query; None where none can."""
    named = [one for one in reader.archives() if _overlaps(one, query)]
    if not named:
        return None
    zh = "、".join(f"{one.name}({_day(one.since)} 至 {_day(one.until)})" for one in named)
    en = ", ".join(f"{one.name} ({_day(one.since)} to {_day(one.until)})" for one in named)
    return f"更早的记录在归档中:{zh}。 Earlier entries are in archives: {en}."


def _overlaps(archive: ArchiveRow, query: Query) -> bool:
    return (
        (query.since is None or archive.until >= query.since)
        and (query.until is None or archive.since <= query.until)
        and (query.before is None or archive.first < query.before)
    )


def _day(stamp: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=stamp):%Y-%m-%d}"
