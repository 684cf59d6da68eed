"""Where to export the audit log: a folder on the box, or the box's own place."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static
from typing_extensions import override

from appliance.contract.audit import ExportWish


class ExportDialog(ModalScreen[ExportWish | None]):
    """Answers with a wish, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    def __init__(self, *, local: bool) -> None:
        super().__init__()
        self._local = local

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            yield Static(
                "导出全部审计日志,附独立核验程序 verify.py。\n"
                "The whole audit log is exported, with the stand-alone verify.py beside it.",
                markup=False,
            )
            yield Static(
                "目录 directory(空为一体机默认 empty: the box's own)", classes="label", markup=False
            )
            yield Input(id="out", compact=True, max_length=1024, disabled=not self._local)
            with Horizontal(classes="row"):
                yield Button("导出 Export", id="export", variant="primary", compact=True)
                yield Button("取消 Cancel", id="leave", compact=True)
        box.border_title = "导出审计日志 Export the audit log"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter exports."""
        event.stop()
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Export or leave."""
        event.stop()
        if event.button.id == "export":
            self._answer()
        else:
            _ = self.dismiss(None)

    def _answer(self) -> None:
        _ = self.dismiss(ExportWish(out=self.query_one("#out", Input).value.strip() or None))
