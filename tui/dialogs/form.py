"""A dialog of fields: one button answers with what was entered, the other leaves."""

from abc import abstractmethod
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static
from typing_extensions import override

T = TypeVar("T")


class Unclear(ValueError):
    """Something entered that cannot be used; the sentence says why."""


class FormDialog(ModalScreen[T | None]):
    """Answers with what `answer` makes of its fields, or None.

    A subclass yields its fields in `compose_fields` and makes the answer of them.
    """

    DO: ClassVar[str] = "好 OK"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    @property
    @abstractmethod
    def heading(self) -> str:
        """What stands in the frame."""

    @abstractmethod
    def compose_fields(self) -> ComposeResult:
        """Yield the fields."""

    @abstractmethod
    def answer(self) -> T:
        """Make the answer of what was entered.

        Raises:
            Unclear: it cannot be used; the sentence is shown and the dialog stays.
        """

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            yield from self.compose_fields()
            yield Static(classes="issue", markup=False)
            with Horizontal(classes="row"):
                yield Button(self.DO, id="do", variant="primary", compact=True)
                yield Button("取消 Cancel", id="leave", compact=True)
        box.border_title = self.heading

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter answers."""
        event.stop()
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer or leave."""
        event.stop()
        if event.button.id == "do":
            self._answer()
        else:
            _ = self.dismiss(None)

    def _answer(self) -> None:
        try:
            _ = self.dismiss(self.answer())
        except Unclear as error:
            self.say(str(error))

    def say(self, sentence: str) -> None:
        """Say what is wrong above the buttons."""
        self.query_one(".issue", Static).update(f"✖ {sentence}" if sentence else "")

    def typed(self, which: str) -> str:
        """What stands in a field, without blanks around it."""
        return self.query_one(f"#{which}", Input).value.strip()


def label(words: str) -> Static:
    """The words above a field."""
    return Static(words, classes="label", markup=False)
