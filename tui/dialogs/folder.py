"""Where a stick is mounted, when it is not in the list."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input
from typing_extensions import override

from tui.dialogs.form import FormDialog, Unclear, label


class FolderDialog(FormDialog[str]):
    """Answers with a path of the box, or None."""

    DO: ClassVar[str] = "好 OK"

    @property
    @override
    def heading(self) -> str:
        return "介质目录 Folder of a stick"

    @override
    def compose_fields(self) -> ComposeResult:
        yield label("一体机上的绝对路径 an absolute path on the box")
        yield Input(placeholder="/media/usb", id="place", compact=True, max_length=1024)

    @override
    def answer(self) -> str:
        place = self.typed("place")
        if not place.startswith("/"):
            raise Unclear("应为绝对路径。 An absolute path is expected.")
        return place
