"""What was found about the storage, in full."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static
from typing_extensions import override


class HealthDialog(ModalScreen[None]):
    """One page to be read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,h,enter", "dismiss", "关闭 close"),
    ]

    def __init__(self, told: Content) -> None:
        super().__init__()
        self._told = told

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as page:
            yield Static(self._told, id="told", markup=False)
        page.border_title = "存储健康 Health of the storage"
        page.border_subtitle = "Esc 关闭 close"
