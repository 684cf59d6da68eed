"""The first line of every screen: where one is, how the box is, and who speaks."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static
from typing_extensions import override

from tui import theme
from tui.inert import inert
from tui.line import Line


class TopBar(Horizontal):
    """One line; `show` draws the line to the box anew."""

    def __init__(self, title_zh: str, title_en: str) -> None:
        super().__init__()
        self._title = f"{title_zh} {title_en}"

    @override
    def compose(self) -> ComposeResult:
        """Place the three parts."""
        yield Static(
            Content.assemble((" WardBox ", "bold $background on $primary"), f" {self._title}"),
            id="where",
        )
        yield Static(id="whom")

    def show(self, line: Line) -> None:
        """Draw health and person."""
        sign = theme.ASKING
        if line.fault is not None and line.fault.unreachable:
            sign = theme.UNREACHABLE
        elif line.health is not None:
            sign = theme.HEALTH[line.health.status]
        person = inert(line.person, 40) if line.person else "未登录 not signed in"
        self.query_one("#whom", Static).update(
            Content.assemble(sign.content(), ("  " + person + " ", "$text-muted")), layout=False
        )
