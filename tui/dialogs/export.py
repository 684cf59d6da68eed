"""Where to export the audit log: a folder on the box, or the box's own place."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input, Static
from typing_extensions import override

from appliance.contract.audit import ExportWish
from tui.dialogs.form import FormDialog, label


class ExportDialog(FormDialog[ExportWish]):
    """Answers with a wish, or None."""

    DO: ClassVar[str] = "导出 Export"

    def __init__(self, *, local: bool) -> None:
        super().__init__()
        self._local = local

    @property
    @override
    def heading(self) -> str:
        return "导出审计日志 Export the audit log"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(
            "导出全部审计日志,附独立核验程序 verify.py。\n"
            "The whole audit log is exported, with the stand-alone verify.py beside it.",
            markup=False,
        )
        yield label("目录 directory(空为一体机默认 empty: the box's own)")
        yield Input(id="out", compact=True, max_length=1024, disabled=not self._local)

    @override
    def answer(self) -> ExportWish:
        return ExportWish(out=self.typed("out") or None)
