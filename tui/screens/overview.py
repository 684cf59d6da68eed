"""The overview: posture, engine, machine, traffic, jobs and proof, every two seconds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Sparkline, Static
from typing_extensions import override

from tui import theme
from tui.inert import inert
from tui.line import Line
from tui.messages import Failed, OverviewHeard
from tui.screens import panels
from tui.screens.asking import AskingScreen

if TYPE_CHECKING:
    from appliance.contract.system import Overview

PATIENCE_S = 10.0


class OverviewScreen(AskingScreen):
    """Everything about the box at a glance."""

    TITLE_ZH, TITLE_EN = "总览", "Overview"
    EVERY_S = 2.0
    BINDINGS: ClassVar[list[BindingType]] = [Binding("h", "app.go('posture')", "态势", show=False)]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._seen: Overview | None = None

    @override
    def compose_body(self) -> Iterator[Widget]:
        yield Static("正在询问一体机… Asking the box…", id="summary", markup=False)
        with Grid(id="panels"):
            for identity, title in panels.TITLES.items():
                if identity == "traffic":
                    with Widget(id=identity, classes="panel") as traffic:
                        yield Static(id="traffic-words", markup=False)
                        yield Sparkline([], id="requests")
                    traffic.border_title = title
                else:
                    panel = Static(id=identity, classes="panel", markup=False)
                    panel.border_title = title
                    panel.border_subtitle = "h 详情 details" if identity == "posture" else None
                    yield panel

    @override
    def ask_box(self) -> None:
        self.ask("overview", self.box.overview, OverviewHeard, patience_s=PATIENCE_S)

    def on_overview_heard(self, message: OverviewHeard) -> None:
        """Draw every panel."""
        message.stop()
        seen = self._seen = message.overview
        self.line.integrity = seen.integrity
        self.remove_class("-stale")
        self.query_one("#summary", Static).update(panels.summary(seen))
        for identity, draw in panels.DRAW.items():
            self.query_one(f"#{identity}", Static).update(draw(seen))
        self.query_one("#traffic-words", Static).update(panels.traffic(seen))
        minutes = list(seen.traffic.requests_by_minute)
        # Minutes that are all alike are drawn as full ones, also where nothing was asked.
        self.query_one("#requests", Sparkline).data = minutes if any(minutes) else []

    def on_failed(self, message: Failed) -> None:
        """Say that what is shown is old, and why."""
        message.stop()
        self.add_class("-stale")
        if not self.take_fault(message.fault):
            said = f"✖ {message.fault.sentence} → {message.fault.way_out}"
            self.query_one("#summary", Static).update(Content(said))
        elif self._seen is not None:
            told = f"{inert(self._seen.info.name, 30)} · {self._seen.time:%H:%M:%S} UTC"
            self.query_one("#summary", Static).update(
                Content.assemble((f"▲ 以下是旧数据 old figures: {told}", theme.WARN))
            )
