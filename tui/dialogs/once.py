"""A dialog that shows a secret once: it is in the box's answer and nowhere else."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static
from typing_extensions import override


class OnceDialog(ModalScreen[bool]):
    """Answers True once whoever reads it says that it is kept.

    Args:
        heading: what stands in the frame.
        words: what the secret is for, in Chinese and English.
        secret: the secret, made inert by the caller.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(True)", "关闭 close")]

    def __init__(self, heading: str, words: str, secret: str) -> None:
        super().__init__()
        self._heading = heading
        self._words = words
        self._secret = secret

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            yield Static(self._words, markup=False)
            yield Static(self._secret, id="once", classes="head", markup=False)
            with Horizontal(classes="row"):
                yield Button("已保存 Kept", id="kept", variant="primary", compact=True)
        box.border_title = self._heading

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """It is kept."""
        event.stop()
        _ = self.dismiss(True)
