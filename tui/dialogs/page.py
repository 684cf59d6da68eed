"""One page to be read: what was found, how something is done."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static
from typing_extensions import override


class PageDialog(ModalScreen[None]):
    """Any of the usual keys closes it.

    Args:
        title: what stands in the frame.
        told: the page.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,h,g,enter", "dismiss", "关闭 close"),
    ]

    def __init__(self, title: str, told: Content) -> None:
        super().__init__()
        self._title = title
        self._told = told

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as page:
            yield Static(self._told, id="told", markup=False)
        page.border_title = self._title
        page.border_subtitle = "Esc 关闭 close"
