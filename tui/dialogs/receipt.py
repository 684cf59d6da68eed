"""Which receipt to follow: the id that an answer carries."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input, Static
from typing_extensions import override

from tui.dialogs.form import FormDialog, Unclear


class ReceiptDialog(FormDialog[str]):
    """Answers with an id, or None.

    Args:
        known: the receipt of the chosen entry, or nothing.
        said: why it is asked again.
    """

    DO: ClassVar[str] = "查找 Look up"

    def __init__(self, known: str = "", said: str = "") -> None:
        super().__init__()
        self._known = known
        self._said = said

    def on_mount(self) -> None:
        """Say why it is asked again."""
        self.say(self._said)

    @property
    @override
    def heading(self) -> str:
        return "回执 Receipt"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(
            "从一份回答的回执查到写它的模型、适配器、策略与本机态势。\n"
            "From an answer's receipt to the model, adapter, policy and posture that wrote it.",
            markup=False,
        )
        yield Input(self._known, placeholder="rcp_…", id="receipt", compact=True, max_length=64)

    @override
    def answer(self) -> str:
        if not self.typed("receipt"):
            raise Unclear("请输入回执编号。 Enter the id of a receipt.")
        return self.typed("receipt")
