"""The live tail of the audit log: filters, one entry in full, pausing and catching up."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widget import Widget
from textual.widgets import DataTable, Input, Static
from typing_extensions import override

from appliance.contract.audit import Entry
from tui.inert import inert
from tui.line import Fault, Line
from tui.messages import EntriesHeard, EntriesTailed, Failed
from tui.screens.boxscreen import UNREADABLE, BoxScreen
from tui.screens.entries import describe
from tui.streams import batched
from tui.widgets.auditfilter import AuditFilter, Wanted
from tui.widgets.entrytable import EntryTable

BATCH_S: Final = 0.2
AGAIN_S: Final = 2.0
PAGE: Final = "200"
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
SOUGHT: Final = (
    "按 Enter 查找患者,查找本身会记入日志。 Enter looks for the patient; that is on the record."
)
TIMES: Final = "2h, 3d, 08:00, 2026-01-05"
NONE: Final = (
    "没有条目:日志为空,或筛选下没有。 No entries: the log is empty, or the filters leave none."
)
KEYS: Final = "v 核验 verify · x 导出 · p 证明 proof · c 回执 receipt · / 筛选 · Space 暂停"


class TailScreen(BoxScreen):
    """Filters above, the tail, and below it the entry under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "筛选", show=False),
        Binding("space", "follow", "暂停", show=False),
        Binding("escape", "table", "表格", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._tail_seen = -1
        self._shown: int | None = -1  # nothing was heard yet
        self.now: datetime | None = None
        """What the clock of the box said last."""

    @abstractmethod
    def note(self, words: str) -> None:
        """Say something about what was asked for."""

    @property
    def chosen(self) -> Entry | None:
        """The entry under the cursor."""
        return self.query_one(EntryTable).chosen

    @override
    def compose_body(self) -> Iterator[Widget]:
        yield AuditFilter(id="filters")
        with Container(id="desk"):
            table = EntryTable("entries")
            table.border_title = "实时 Live ▶"
            table.border_subtitle = KEYS
            yield table
            with VerticalScroll(id="entry", classes="panel") as entry:
                yield Static(id="words", markup=False)
                yield Static(id="proof", markup=False)
            entry.border_title = "条目 Entry"

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.line.person is not None:
            if self.query_one(EntryTable).following:
                self._page()
            self.start(self._listen, group="tail", exclusive=True)
        self.query_one(EntryTable).focus()

    def on_screen_suspend(self) -> None:
        """Stop listening while nobody looks."""
        self.workers.cancel_group(self, "tail")

    def _page(self) -> None:
        query = {"limit": PAGE, **dict(self._wanted().query())}
        self.ask(
            "entries",
            lambda: self.box.audit_entries(**query),
            EntriesHeard,
            patience_s=20,
            anew=True,
        )

    def _wanted(self) -> Wanted:
        newest = self.query_one(EntryTable).latest
        now = max(moment for moment in (self.now, newest, LONG_AGO) if moment is not None)
        return self.query_one(AuditFilter).wanted(now)

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(batched(self.box.audit_live(), BATCH_S)) as batches:
                    async for entries in batches:
                        self.post_message(EntriesTailed(entries))
            except UNREADABLE as error:
                fault = Fault.of(error)
                self.post_message(Failed("tail", fault))
                if not fault.unreachable:
                    return
            await asyncio.sleep(AGAIN_S)

    def on_entries_heard(self, message: EntriesHeard) -> None:
        """Show a page."""
        message.stop()
        entries = message.page.entries
        self.query_one(EntryTable).begin(entries)
        self._tail_seen = max((one.index for one in entries), default=self._tail_seen)
        self._show_entry()

    def on_entries_tailed(self, message: EntriesTailed) -> None:
        """Append what became durable; fetch the page again when something was missed."""
        message.stop()
        entries = message.entries
        missed = entries[0].index > self._tail_seen + 1
        self._tail_seen = max(self._tail_seen, entries[-1].index)
        wanted, table = self._wanted(), self.query_one(EntryTable)
        if table.following:
            table.add(one for one in entries if wanted.passes(one))
        if missed and table.following and not self.asking("entries"):
            self._page()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing; who looks for a patient is on the record, so that waits for Enter."""
        event.stop()
        if self.line.person is None or event.input.parent is not self.query_one(AuditFilter):
            return
        wanted = self._wanted()
        told = f"▲ 看不懂的时间 no time: {inert(wanted.unclear, 60)} · {TIMES}"
        if wanted.patient:
            self.note(told if wanted.unclear else SOUGHT)
        else:
            self.note(told if wanted.unclear else "")
            self._page()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter looks for a patient, and goes to the table."""
        event.stop()
        if self._wanted().patient:
            self.note("")
            self._page()
        self.action_table()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the entry under the cursor."""
        event.stop()
        self._show_entry()

    def _show_entry(self) -> None:
        entry = self.query_one(EntryTable).chosen
        index = None if entry is None else entry.index
        if index != self._shown:
            self._shown = index
            self.query_one("#words", Static).update(NONE if entry is None else describe(entry))
            self.query_one("#proof", Static).update("")

    def action_table(self) -> None:
        """Back to the table."""
        self.query_one(EntryTable).focus()

    def action_filter(self) -> None:
        """To the filter."""
        self.query_one("#tag").focus()

    def action_follow(self) -> None:
        """Pause the tail, or follow it again."""
        self.follow(following=not self.query_one(EntryTable).following)

    def follow(self, *, following: bool) -> None:
        """Follow the newest entries, or stay where one is."""
        table = self.query_one(EntryTable)
        if following and not table.following:
            self._page()
        elif not following:
            self.workers.cancel_group(self, "entries")
        table.following = following
        table.border_title = "实时 Live ▶" if following else "已暂停 Paused ‖"
