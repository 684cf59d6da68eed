"""The audit log: a live tail with filters, one entry in full, its proof, verification and export."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Input, Static
from typing_extensions import override

from appliance.contract.audit import ExportWish
from tui import theme
from tui.dialogs.export import ExportDialog
from tui.inert import inert
from tui.line import Fault, Line
from tui.messages import (
    CheckpointHeard,
    EntriesHeard,
    EntriesTailed,
    Failed,
    LogExported,
    LogVerified,
    ProofHeard,
)
from tui.screens.boxscreen import UNREADABLE, BoxScreen
from tui.screens.entries import describe, describe_proof, tell_verified
from tui.streams import batched
from tui.widgets.entrytable import EntryTable

BATCH_S = 0.2
AGAIN_S = 2.0
PAGE = "200"
NONE = "没有条目:日志为空,或筛选下没有。 No entries: the log is empty, or the filters leave none."
KEYS = "v 核验 verify · x 导出 export · p 证明 proof · / 筛选 filter · Space 暂停 pause"


class AuditScreen(BoxScreen):
    """Tail, filters and light."""

    TITLE_ZH, TITLE_EN = "审计", "Audit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "verify", "核验", show=False),
        Binding("x", "export", "导出", show=False),
        Binding("p", "prove", "证明", show=False),
        Binding("slash", "filter", "筛选", show=False),
        Binding("space", "follow", "暂停", show=False),
        Binding("escape", "table", "表格", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._light = theme.INTEGRITY["unknown"]
        self._told = ""
        self._note = ""
        self._tail_seen = -1
        self._shown: int | None = -1  # nothing was heard yet

    @override
    def compose_body(self) -> Iterator[Widget]:
        yield Static(id="light", markup=False)
        with Horizontal(id="filters"):
            yield Static("事件 tag ", classes="word", markup=False)
            yield Input(
                id="tag", placeholder="如 e.g. model:completion", compact=True, max_length=99
            )
            yield Static(" 主体 actor ", classes="word", markup=False)
            yield Input(
                id="actor", placeholder="如 e.g. local:console", compact=True, max_length=200
            )
        with Container(id="desk"):
            table = EntryTable("entries")
            table.border_title = "实时 Live ▶"
            table.border_subtitle = KEYS
            yield table
            with VerticalScroll(id="entry", classes="panel") as entry:
                yield Static(id="words", markup=False)
                yield Static(id="proof", markup=False)
            entry.border_title = "条目 Entry"

    def on_mount(self) -> None:
        """Say what the light means before anything was verified."""
        self._draw_light()

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._begin()
        self.query_one(EntryTable).focus()

    def on_screen_suspend(self) -> None:
        """Stop listening while nobody looks."""
        self.workers.cancel_group(self, "tail")

    def _remember(self) -> None:
        known = self.line.integrity
        unsure = self._light is theme.INTEGRITY["unknown"]
        if known is not None and (unsure or known.state == "broken"):
            self._light = theme.INTEGRITY[known.state]
            self._told = f"{known.entries:,} 条 entries · root {inert(known.root[:16])}…"
            self._draw_light()

    def _begin(self) -> None:
        self._remember()
        if self.line.person is None:
            return
        if self.query_one(EntryTable).following:
            self._page()
        self.ask("checkpoint", self.box.audit_checkpoint, CheckpointHeard, patience_s=10)
        self.start(self._listen, group="tail", exclusive=True)

    def _page(self) -> None:
        tag, actor = self._wanted()
        query = {"limit": PAGE}
        if tag:
            query["tag"] = f"{tag}*"
        if actor:
            query["actor"] = actor
        self.ask(
            "entries",
            lambda: self.box.audit_entries(**query),
            EntriesHeard,
            patience_s=20,
            anew=True,
        )

    def _wanted(self) -> tuple[str, str]:
        tag = self.query_one("#tag", Input).value.strip().rstrip("*")
        return tag, self.query_one("#actor", Input).value.strip()

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
        tag, actor = self._wanted()
        table = self.query_one(EntryTable)
        if table.following:
            table.add(
                one for one in entries if one.tag.startswith(tag) and actor in {"", one.actor}
            )
        if missed and table.following and not self.asking("entries"):
            self._page()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        if self.line.person is not None:
            self._page()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the table."""
        event.stop()
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
        self._follow(following=not self.query_one(EntryTable).following)

    def _follow(self, *, following: bool) -> None:
        table = self.query_one(EntryTable)
        if following and not table.following:
            self._page()
        elif not following:
            self.workers.cancel_group(self, "entries")
        table.following = following
        table.border_title = "实时 Live ▶" if following else "已暂停 Paused ‖"

    def action_verify(self) -> None:
        """Have the whole log recomputed."""
        begun = self.line.clock()
        if self.ask(
            "verify",
            self.box.audit_verify,
            lambda found: LogVerified(found, self.line.clock() - begun),
        ):
            self._told = "正在逐条重算… recomputing every entry…"
            self._draw_light()

    def on_log_verified(self, message: LogVerified) -> None:
        """Set the light."""
        message.stop()
        found = message.verified
        self._light = theme.INTEGRITY["ok" if found.ok else "broken"]
        self._told = tell_verified(found, message.seconds)
        self._draw_light()

    def on_checkpoint_heard(self, message: CheckpointHeard) -> None:
        """Say how long the log is, until it is verified."""
        message.stop()
        if self._light is theme.INTEGRITY["unknown"]:
            seen = message.checkpoint
            self._told = (
                f"{seen.size:,} 条 entries · root {inert(seen.root[:16])}… · 按 v 核验 v verifies"
            )
            self._draw_light()

    def _draw_light(self) -> None:
        note = f"\n{self._note}" if self._note else ""
        self.query_one("#light", Static).update(
            Content.assemble("完整性 integrity ", self._light.content(), f"  {self._told}{note}")
        )

    def action_prove(self) -> None:
        """Ask for the inclusion proof of the chosen entry, which stays chosen."""
        entry = self.query_one(EntryTable).chosen
        if entry is not None:
            self._follow(following=False)
            self.ask("proof", lambda: self.box.audit_proof(entry.index), ProofHeard, patience_s=20)

    def on_proof_heard(self, message: ProofHeard) -> None:
        """Show the proof."""
        message.stop()
        entry = self.query_one(EntryTable).chosen
        if entry is not None and entry.index == message.proof.index:
            self.query_one("#proof", Static).update(describe_proof(message.proof, entry))
            self.query_one("#entry").scroll_end(animate=False)

    def action_export(self) -> None:
        """Ask where to, then export."""
        _ = self.app.push_screen(ExportDialog(local=self.line.local), self._export)

    def _export(self, wish: ExportWish | None) -> None:
        if wish is not None and self.ask(
            "export", lambda: self.box.audit_export(wish), LogExported
        ):
            self.notify("正在导出… Exporting…", markup=False)

    def on_log_exported(self, message: LogExported) -> None:
        """Say where it lies and how to verify it."""
        message.stop()
        found = message.exported
        self._note = (
            f"✔ 已导出 exported {found.entries:,} 条 entries → {inert(found.directory, 1024)}\n"
            "  在任一电脑核验 verify on any computer: python3 verify.py"
        )
        self._draw_light()

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if self.take_fault(message.fault):
            return
        if message.topic == "verify":
            self._told = ""
        self._note = message.fault.told
        self._draw_light()
