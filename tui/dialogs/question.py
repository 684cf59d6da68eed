"""A yes-or-no question before something that cannot be taken back at once."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static
from typing_extensions import override


class QuestionDialog(ModalScreen[bool]):
    """Answers True for yes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "否 no")]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            yield Static(self._question, markup=False)
            with Horizontal(classes="row"):
                yield Button("否 No", id="no", compact=True)
                yield Button(self._yes, id="yes", variant="warning", compact=True)
        box.border_title = "请确认 Please confirm"

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        _ = self.dismiss(event.button.id == "yes")
