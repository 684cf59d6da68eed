"""Posture: the level at a glance, findings by impact with what to do, and the course of the runs."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from tui.dialogs.page import PageDialog
from tui.line import Line
from tui.messages import Failed
from tui.messages_posture import CourseHeard, PostureHeard
from tui.postureshow import course, finding_page, finding_rows, finding_told, glance
from tui.screens.asking import AskingScreen
from tui.widgets.rowtable import RowTable

if TYPE_CHECKING:
    from appliance.contract.posture import CheckView, PostureReport, PostureRun

PATIENCE_S: Final = 10.0
CHECKING_S: Final = 120.0
RUNS: Final = 200
_NARROW: Final = 76
COLUMNS: Final = (
    ("影响 impact", 15),
    ("结果 result", 14),
    ("检查 check", 24),
    ("标题 title", 60),
)
_WELL: Final = "✔ 没有发现问题。 Nothing was found. (a 全部检查 all checks)"


class PostureScreen(AskingScreen):
    """Level above, findings between, the chosen one and the course below."""

    TITLE_ZH, TITLE_EN = "态势", "Posture"
    EVERY_S = 15.0
    FIRST = "#findings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "检查", show=False),
        Binding("a", "everything", "全部", show=False),
        Binding("enter", "page", "详情", show=False),
        Binding("escape,h", "app.go('overview')", "返回", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._report: PostureReport | None = None
        self._runs: tuple[PostureRun, ...] = ()
        self._everything = False

    @override
    def compose_body(self) -> Iterator[Widget]:
        level = Static("正在询问… Asking…", id="glance", classes="panel", markup=False)
        level.border_title = "安全态势 Posture"
        level.border_subtitle = "c 立即检查 check now · h 返回 back"
        yield level
        findings = RowTable("findings", COLUMNS)
        findings.border_title = "发现 Findings"
        findings.border_subtitle = "Enter 详情 details · a 全部 all"
        yield findings
        yield Static(id="said", markup=False)
        history = Static(id="course", classes="panel", markup=False)
        history.border_title = "历次等级 Level of each run"
        yield history

    @override
    def ask_box(self) -> None:
        self.ask("posture", self.box.postures.look, PostureHeard, patience_s=PATIENCE_S)
        past = partial(self.box.postures.history, RUNS)
        self.ask("course", past, CourseHeard, patience_s=PATIENCE_S)

    def on_posture_heard(self, message: PostureHeard) -> None:
        """Draw level and findings."""
        message.stop()
        self._report = message.report
        self._draw()
        if message.fresh:
            self.notify("✔ 检查完成 The checks have run.", markup=False)
            self.look_again()

    def on_course_heard(self, message: CourseHeard) -> None:
        """Draw the course."""
        message.stop()
        self._runs = message.runs
        self._draw_course()

    def on_resize(self) -> None:
        """Draw the course as wide as there is room."""
        self._draw_course()

    def _draw(self) -> None:
        if self._report is None:
            return
        self.query_one("#glance", Static).update(glance(self._report, wide=self.has_class("-wide")))
        rows = finding_rows(self._report.checks, everything=self._everything)
        self.query_one("#findings", RowTable).show(rows)
        self._tell()

    def _draw_course(self) -> None:
        panel = self.query_one("#course", Static)
        width = panel.size.width or _NARROW
        panel.update(course(self._runs, width, tall=self.has_class("-wide")))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of another finding."""
        event.stop()
        self._tell()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show the chosen finding in full."""
        event.stop()
        self.action_page()

    def _tell(self) -> None:
        chosen = self._chosen()
        told = finding_told(chosen) if chosen is not None else Content(_WELL)
        self.query_one("#said", Static).update(told)

    def _chosen(self) -> "CheckView | None":
        if self._report is None:
            return None
        chosen = self.query_one("#findings", RowTable).chosen
        return next((one for one in self._report.checks if one.id == chosen), None)

    def action_check(self) -> None:
        """Run the checks now."""
        self.query_one("#said", Static).update(Content("正在检查… The checks run…"))
        fresh = partial(PostureHeard, fresh=True)
        self.ask("check", self.box.postures.check, fresh, patience_s=CHECKING_S)

    def action_everything(self) -> None:
        """Show what is well too, or findings alone."""
        self._everything = not self._everything
        self._draw()

    def action_page(self) -> None:
        """Show the chosen finding in full."""
        chosen = self._chosen()
        if chosen is not None:
            _ = self.app.push_screen(PageDialog("检查 Check", finding_page(chosen)))

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if not self.take_fault(message.fault):
            self.query_one("#said", Static).update(Content(message.fault.told))
            if message.topic == "check":
                self.cry(message.fault.told)
