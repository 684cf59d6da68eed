"""The audit log: its tail and light, proofs, receipts, verification and export."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from typing_extensions import override

from appliance.contract.audit import ExportState
from tui import theme
from tui.auditvisit import AuditVisit
from tui.dialogs.page import PageDialog
from tui.inert import inert
from tui.line import Line
from tui.messages import Failed, OverviewHeard
from tui.messages_audit import (
    BodyHeard,
    ExportMoved,
    ExportsHeard,
    ExportStopped,
    LogExported,
    LogVerified,
    ProofHeard,
    ReceiptHeard,
    WatchHeard,
)
from tui.newfile import FileRefused
from tui.screens.bodies import describe_body, describe_exports
from tui.screens.entries import (
    describe_proof,
    describe_receipt,
    tell_exported,
    tell_known,
    tell_moving,
    tell_verified,
)
from tui.screens.tail import TailScreen
from tui.watching import WatchNow, watch_line, watch_page

EVERY_S: Final = 10.0


class AuditScreen(TailScreen):
    """Tail, filters and light."""

    TITLE_ZH, TITLE_EN = "审计", "Audit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "verify", "核验", show=False),
        Binding("x", "export", "导出", show=False),
        Binding("p", "prove", "证明", show=False),
        Binding("c", "receipt", "回执", show=False),
        Binding("b", "body", "正文", show=False),
        Binding("l", "exports", "导出清单", show=False),
        Binding("w", "watch", "见证", show=False),
        Binding("k", "stop", "取消", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._light = theme.INTEGRITY["unknown"]
        self._told = ""
        self._note = ""
        self._asked = False
        self._export = ""
        self._watch: WatchNow | None = None
        self._blind = ""

    @override
    def compose_body(self) -> Iterator[Widget]:
        yield Static(id="light", markup=False)
        yield from super().compose_body()

    def on_mount(self) -> None:
        """Say what the light means before anything was verified; look again every while."""
        self._draw_light()
        self.set_interval(EVERY_S, self._look)

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._look()

    def _look(self) -> None:
        """Ask how the box itself found its log, and what its clock says."""
        if self.is_current and self.line.person is not None:
            self.ask("standing", self.box.overview, OverviewHeard, patience_s=10)
            self.ask("watch", self._outside, WatchHeard, patience_s=10)

    def on_overview_heard(self, message: OverviewHeard) -> None:
        """Set the light to what the box found, unless somebody here had it verified since."""
        message.stop()
        seen = message.overview
        known, self.now = seen.integrity, seen.time
        self.line.integrity = known
        if not self._asked or known.state == "broken":
            self._light = theme.INTEGRITY[known.state]
            self._told = tell_known(known, seen.time)
            self._draw_light()

    def action_verify(self) -> None:
        """Have the whole log recomputed."""
        begun = self.line.clock()
        if self.ask(
            "verify",
            self.box.audit_verify,
            lambda found: LogVerified(found, self.line.clock() - begun),
        ):
            self._asked = True
            self._told = "正在逐条重算… recomputing every entry…"
            self._draw_light()

    def on_log_verified(self, message: LogVerified) -> None:
        """Set the light."""
        message.stop()
        found = message.verified
        self._light = theme.INTEGRITY["ok" if found.ok else "broken"]
        self._told = tell_verified(found, message.seconds)
        self._draw_light()

    @override
    def note(self, words: str) -> None:
        self._note = words
        self._draw_light()

    def _draw_light(self) -> None:
        watched = Content("")
        if self._watch is not None and self.now is not None:
            line = watch_line(self._watch, self.now, wide=self.has_class("-wide"))
            watched = Content.assemble("\n", line)
        elif self._blind:
            told = f"\n? 见证与转发未知 witnesses and forwarding unknown: {self._blind}"
            watched = Content.assemble((told, theme.WARN))
        note = f"\n{self._note}" if self._note else ""
        words = ("完整性 integrity ", self._light.content(), f"  {self._told}", watched, note)
        self.query_one("#light", Static).update(Content.assemble(*words))

    def action_prove(self) -> None:
        """Ask for the inclusion proof of the chosen entry, which stays chosen."""
        entry = self.chosen
        if entry is not None:
            self.follow(following=False)
            self.ask("proof", lambda: self.box.audit_proof(entry.index), ProofHeard, patience_s=20)

    def on_proof_heard(self, message: ProofHeard) -> None:
        """Show the proof."""
        message.stop()
        entry = self.chosen
        if entry is not None and entry.index == message.proof.index:
            proof = self.query_one("#proof", Static)
            proof.update(describe_proof(message.proof, entry))
            # The verdict stands first; the rest is scrolled to.
            self.call_after_refresh(
                self.query_one("#entry").scroll_to_widget, proof, top=True, animate=False
            )

    def action_receipt(self) -> None:
        """Follow a receipt: of the chosen entry, or one that was typed."""
        entry = self.chosen
        known = "" if entry is None else inert(str(entry.details.get("receipt", "")), 64)
        visit = AuditVisit(self.box, self.app.push_screen_wait)
        self.ask("receipt", lambda: visit.receipt(known), ReceiptHeard)

    def on_receipt_heard(self, message: ReceiptHeard) -> None:
        """Show where it leads."""
        message.stop()
        if message.receipt is not None:
            _ = self.app.push_screen(PageDialog("回执 Receipt", describe_receipt(message.receipt)))

    def action_body(self) -> None:
        """Read the texts behind the chosen entry, and see who did before."""
        entry = self.chosen
        if entry is not None:
            self.follow(following=False)
            visit = AuditVisit(self.box, self.app.push_screen_wait)
            self.ask("body", lambda: visit.body(entry), BodyHeard)

    def on_body_heard(self, message: BodyHeard) -> None:
        """Show them."""
        message.stop()
        if message.seen is not None:
            _ = self.app.push_screen(PageDialog("正文 Texts", describe_body(message.seen)))

    def action_exports(self) -> None:
        """Show what lies on the box."""
        self.ask("exports", self.box.audit_exports, ExportsHeard, patience_s=20)

    def on_exports_heard(self, message: ExportsHeard) -> None:
        """List it."""
        message.stop()
        _ = self.app.push_screen(PageDialog("导出 Exports", describe_exports(message.found)))

    def action_export(self) -> None:
        """Ask what and where to, then export; it goes on while one looks at other things."""
        visit = AuditVisit(self.box, self.app.push_screen_wait)

        async def export() -> tuple[ExportState, str] | FileRefused | None:
            try:
                return await visit.export(
                    lambda state: self.post_message(ExportMoved(state)), local=self.line.local
                )
            except FileRefused as error:
                return error

        self.ask("export", export, LogExported)

    def on_export_moved(self, message: ExportMoved) -> None:
        """Say how far it is."""
        message.stop()
        self._export = message.state.id
        self.note(tell_moving(message.state))

    def action_stop(self) -> None:
        """Cancel the export that is under way."""
        if self._export and self.asking("export"):
            export_id = self._export
            self.ask(
                "stop", lambda: self.box.audit_export_remove(export_id), lambda _: ExportStopped()
            )

    def on_export_stopped(self, message: ExportStopped) -> None:
        """Nothing is left of it."""
        message.stop()
        self.workers.cancel_group(self, "export")
        self._export = ""
        self.note("■ 导出已取消,不留半份。 The export was cancelled; nothing half is left.")

    def on_log_exported(self, message: LogExported) -> None:
        """Say where it lies and how to verify it."""
        message.stop()
        self._export = ""
        outcome = message.outcome
        if outcome is None:
            return
        if isinstance(outcome, FileRefused):
            self.cry(f"✖ 无法写入 cannot be written: {inert(outcome, 300)}")
            return
        self.note(tell_exported(*outcome))

    def action_watch(self) -> None:
        """Show witnesses and forwarding in full."""
        if self._watch is not None and self.now is not None:
            told = watch_page(self._watch, self.now)
            _ = self.app.push_screen(PageDialog("见证与转发 Witnesses and forwarding", told))

    async def _outside(self) -> WatchNow:
        watchers = self.box.watchers
        return WatchNow(await watchers.witnesses(), await watchers.forwarding())

    def on_watch_heard(self, message: WatchHeard) -> None:
        """Draw the line of those outside."""
        message.stop()
        self._watch, self._blind = message.seen, ""
        self._draw_light()

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if self.take_fault(message.fault):
            return
        if message.topic == "verify":
            self._told, self._asked = "", False
        if message.topic == "watch":
            # Who may not see them sees the rest.
            problem = message.fault.problem
            hidden = problem is not None and problem.status == HTTPStatus.FORBIDDEN
            self._watch, self._blind = None, "" if hidden else message.fault.sentence
            self._draw_light()
            return
        if message.topic in {"body", "exports", "receipt", "stop"}:
            self.cry(message.fault.told)
            return
        self.note(message.fault.told)
