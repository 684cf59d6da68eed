"""The box's own place for exports: what lies there from before it was opened, and until when."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from appliance.audit.errors import AuditExportRefused
from appliance.audit.export_asked import Export
from appliance.audit.export_order import ExportReport
from appliance.audit.export_times import Span
from appliance.audit.identifiers import microseconds
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader
from appliance.errors import ApplianceError
from secure_compute.errors import SecureComputeError
from secure_compute.note import verify_checkpoint

_FORM: Final = "audit-%Y%m%dT%H%M%S%fZ"
_NAME: Final = re.compile(r"audit-\d{8}T\d{12}Z", re.ASCII)
_PART: Final = re.compile(r"\.audit-.*\.(\d+)-\d+\.part", re.ASCII)
_MOST: Final = 1 << 20
_BEFORE: Final = timedelta(minutes=1)
"""An export is recorded just before it is begun; its name is its moment."""


@dataclass(frozen=True, slots=True)
class ExportShelf:
    """The folder of exports that nobody gave a folder of their own.

    Args:
        place: where it is; it need not exist yet.
        days: how long an export lies there; 0 for as long as nobody takes it away.
        reader: the log, which says who asked for them.
    """

    place: Path
    days: int
    reader: AuditReader

    def name_at(self, moment: datetime) -> str:
        """The name of an export that is begun at a moment, UTC."""
        return moment.strftime(_FORM)

    def until(self, directory: Path, asked: datetime) -> datetime | None:
        """When an export is taken away by itself; None where it is not."""
        if directory.parent != self.place or not self.days:
            return None
        return asked + timedelta(days=self.days)

    def lying(self) -> Iterator[Export]:
        """The exports that lie there, oldest first; what a power cut left half made goes away."""
        for name in sorted(os.listdir(self.place)) if self.place.is_dir() else ():  # noqa: PTH208  # names alone
            half = _PART.fullmatch(name)
            asked = _moment_of(name)
            if half is not None and int(half[1]) != os.getpid():
                shutil.rmtree(self.place / name, ignore_errors=True)
            elif asked is not None:
                yield self._export(name, asked)

    def take_away(self, directory: Path) -> None:
        """Remove an export, if it is one of these."""
        if directory.parent == self.place:
            shutil.rmtree(directory, ignore_errors=True)

    def _export(self, name: str, asked: datetime) -> Export:
        directory = self.place / name
        until = self.until(directory, asked)
        who = self._who(name, asked)
        made = Export(name, "done", directory, Span(), asked, who, kept_until=until)
        try:
            report = self._report(directory)
        except (OSError, ValueError, KeyError, TypeError, SecureComputeError) as error:
            refusal = AuditExportRefused(reason=f"{directory}:已损坏 damaged: {error}")
            return replace(made, state="failed", error=refusal)
        count = report.last - report.first + 1
        return replace(made, done=count, total=count, report=report)

    def _report(self, directory: Path) -> ExportReport:
        told: dict[str, Any] = orjson.loads(_read(directory / "manifest.json"))
        head = verify_checkpoint(_read(directory / "checkpoint"), self.reader.note_key)
        entries, first, last = (int(told[name]) for name in ("entries", "first", "last"))
        return ExportReport(directory, entries, first, last, head.size, head.root.hex())

    def _who(self, name: str, asked: datetime) -> str:
        since = microseconds(asked - _BEFORE)
        until = microseconds(asked + _BEFORE)
        query = Query(tag="audit:log:export", since=since, until=until, limit=1000)
        try:
            found = self.reader.search(query)
        except ApplianceError:
            return ""
        return next((one.event.actor for one in found if one.event.subject == name), "")


def _moment_of(name: str) -> datetime | None:
    """When the export of a name was begun; None where it is no such name."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_MOST)
