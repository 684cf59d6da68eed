"""Wire types of archives of the audit log."""

from datetime import datetime

from pydantic import Field

from appliance.contract.base import Asked, Wire


class ArchiveWish(Asked):
    """What to archive: entries older than `days` (the setting when not given), into `out` on the box."""

    out: str = Field(max_length=1024)
    days: int | None = Field(default=None, ge=0, le=36_500)


class ArchiveView(Wire):
    """An archive whose entries have left the box; `digest` is that of its list of files."""

    first: int
    last: int
    name: str
    place: str
    digest: str
    since: datetime
    until: datetime
    made: datetime


class ArchiveList(Wire):
    """Every archive, by its first entry."""

    archives: tuple[ArchiveView, ...]
