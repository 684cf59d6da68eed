"""Where exports are asked for, made one after the other on a thread of their own, watched and fetched."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from typing_extensions import override

from appliance.audit.errors import (
    AuditExportEmpty,
    AuditExportRefused,
    AuditExportStopped,
    AuditExportUnfinished,
    AuditExportUnknown,
)
from appliance.audit.event import Event, Leaf
from appliance.audit.events_export import export_expire, log_export
from appliance.audit.export import export
from appliance.audit.export_asked import Asked, Export
from appliance.audit.export_order import ExportReport, Materials, Selection, Watch, described
from appliance.audit.export_shelf import ExportShelf
from appliance.audit.export_times import Span, first_at, microseconds_of, span_of
from appliance.audit.query import Query
from appliance.errors import ApplianceError

_KEPT: Final = 50
_OVER: Final = frozenset(("done", "failed"))
_RECORD_S: Final = 30.0


class Log(Protocol):
    """The part of the audit log that this needs."""

    def append(self, event: Event) -> "Future[Leaf]":
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class ExportDesk:
    """Makes exports. Thread-safe; `wait` and `begin` belong in the thread pool.

    Args:
        materials: what exports are made of.
        log: records who exports what, before anything is written.
        shelf: where exports lie that nobody gave a folder.
        zone: what times without a zone are in; the machine's own zone when None.
    """

    def __init__(
        self, materials: Materials, log: Log, shelf: ExportShelf, zone: tzinfo | None = None
    ) -> None:
        self._materials = materials
        self._log = log
        self._shelf = shelf
        self._zone = zone
        self._lock = threading.Lock()
        self._exports: dict[str, Export] = {}
        self._futures: dict[str, Future[None]] = {}
        self._unwanted: set[str] = set()
        self._pool = ThreadPoolExecutor(1, "audit-export")

    def begin(self, actor: str, asked: Asked, out: Path | None = None) -> Export:
        """Record that somebody exports, and begin.

        Raises:
            AuditTimeInvalid, AuditExportRefused, AuditExportEmpty: what is asked for cannot be.
            AuditUnavailable: it cannot be recorded, so nothing is exported.
        """
        span = span_of(asked.since, asked.until, self._zone)
        selection = self._selection(asked, span)
        moment = self._materials.clock()
        name = self._shelf.name_at(moment)
        directory = self._shelf.place / name if out is None else out
        event = log_export(
            actor,
            name=directory.name,
            first=selection.first or 0,
            last=selection.last or 0,
            conditions=described(selection.filter) or {},
            bodies=selection.bodies,
        )
        self._log.append(event).result(_RECORD_S)
        until = self._shelf.until(directory, moment)
        made = Export(name, "waiting", directory, span, moment, actor, kept_until=until)
        with self._lock:
            for old in [one for one in self._futures if self._futures[one].done()][:-_KEPT]:
                del self._exports[old], self._futures[old]
            self._exports[name] = made
            self._futures[name] = self._pool.submit(self._make, name, directory, selection)
        return made

    def wait(self, key: str) -> ExportReport:
        """Wait for an export. Raises whatever it failed with."""
        self._future(key).result()
        found = self.find(key)
        if found.report is None:
            raise found.error or AuditExportStopped
        return found.report

    def find(self, key: str) -> Export:
        """One export. Raises AuditExportUnknown."""
        with self._lock:
            found = self._exports.get(key)
        if found is None:
            raise AuditExportUnknown(id=key)
        return found

    def list(self) -> tuple[Export, ...]:
        """All exports since the box was opened, and those that lie in its own place; newest first."""
        with self._lock:
            found = list(self._exports.values())
        return tuple(sorted(found, key=lambda one: one.asked, reverse=True))

    def finished(self, key: str) -> Path:
        """The folder of a finished export. Raises AuditExportUnknown or AuditExportUnfinished."""
        found = self.find(key)
        if found.state != "done" or not found.directory.is_dir():
            raise AuditExportUnfinished(id=key)
        return found.directory

    def remove(self, key: str) -> None:
        """Cancel an export, or remove what it made in the box's own place. Raises AuditExportUnknown."""
        found, future = self.find(key), self._future(key)
        with self._lock:
            self._unwanted.add(key)
        if future.cancel():
            self._change(key, state="cancelled", error=AuditExportStopped())
            return
        with suppress(AuditExportStopped):
            future.result()
        self._shelf.take_away(found.directory)
        with self._lock:
            if self._exports[key].state in _OVER:
                del self._exports[key], self._futures[key]

    def recall(self) -> None:
        """Know what lies in the box's own place from before it was opened."""
        for one in self._shelf.lying():
            over: Future[None] = Future()
            over.set_result(None)
            with self._lock:
                if one.id not in self._exports:
                    self._exports[one.id], self._futures[one.id] = one, over

    def expire(self) -> int:
        """Take away, on the record, what has lain in the box's own place for its days; how many.

        Raises:
            AuditUnavailable: it cannot be recorded; the rest still lies there.
        """
        self.recall()
        now, count = self._materials.clock(), 0
        for one in self.list():
            until = one.kept_until
            if until is not None and until <= now and one.directory.is_dir():
                event = export_expire(name=one.id, days=self._shelf.days)
                self._log.append(event).result(_RECORD_S)
                self.remove(one.id)
                count += 1
        return count

    def write(self, out: Path, first: int, last: int) -> None:
        """Write the entries of a range and what proves them, and wait: what an archive is made of.

        Raises:
            AuditExportRefused: it cannot be written there.
        """
        export(self._materials, out, Selection(first, last, formats=()))

    def close(self) -> None:
        """Stop what is being made."""
        with self._lock:
            self._unwanted.update(self._exports)
        self._pool.shutdown(cancel_futures=True)

    def _future(self, key: str) -> "Future[None]":
        with self._lock:
            future = self._futures.get(key)
        if future is None:
            raise AuditExportUnknown(id=key)
        return future

    def _make(self, key: str, directory: Path, selection: Selection) -> None:
        self._change(key, state="running")
        watch = _Told(partial(self._moved, key), partial(self._wanted, key))
        try:
            report = export(self._materials, directory, selection, watch)
        except AuditExportStopped as error:
            self._change(key, state="cancelled", error=error)
        except ApplianceError as error:
            self._change(key, state="failed", error=error)
        else:
            found = self.find(key)
            self._change(key, state="done", report=report, done=found.total)

    def _change(self, key: str, **changes: object) -> None:
        with self._lock:
            self._exports[key] = replace(self._exports[key], **changes)  # type: ignore[arg-type]

    def _moved(self, key: str, done: int, total: int) -> None:
        self._change(key, done=done, total=total)

    def _wanted(self, key: str) -> bool:
        with self._lock:
            return key not in self._unwanted

    def _selection(self, asked: Asked, span: Span) -> Selection:
        """Times become a range of entries, which needs no proof that nothing was left out of it."""
        reader = self._materials.reader
        oldest, size = reader.first(), reader.size()
        low = oldest if asked.first is None else asked.first
        high = size if asked.last is None else asked.last + 1
        if not oldest <= low < high <= size:
            reason = (
                f"范围 {low}-{high - 1} 不在 {oldest}-{size - 1} 之内 the range is outside the log"
            )
            raise AuditExportRefused(reason=reason)

        def time_of(index: int) -> int:
            return reader.entry(index).time

        if span.since is not None:
            low = first_at(microseconds_of(span.since), time_of, low, high)
        if span.until is not None:
            high = first_at(microseconds_of(span.until) + 1, time_of, low, high)
        if low >= high:
            raise AuditExportEmpty
        conditions = (asked.actor, asked.model, asked.patient, asked.tag)
        query = Query(actor=asked.actor, model=asked.model, patient=asked.patient, tag=asked.tag)
        chosen = query if any(one is not None for one in conditions) else None
        return Selection(low, high - 1, chosen, asked.formats, asked.bodies)


class _Told(Watch):
    """Passes on how far an export is, and whether it is still wanted."""

    def __init__(self, tell: Callable[[int, int], None], wanted: Callable[[], bool]) -> None:
        self._tell = tell
        self._wanted = wanted

    @override
    def moved(self, done: int, total: int) -> None:
        self._tell(done, total)

    @override
    def stopped(self) -> bool:
        return not self._wanted()
