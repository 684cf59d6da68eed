"""Callers' files and data sets, to choose one that is to be destroyed; never their content."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.contract.vault_keys import DatasetList, DatasetRow
from tui import theme
from tui.dialogs.form import FormDialog, Unclear
from tui.inert import inert
from tui.keeping import bytes_told
from tui.theme import Sign
from tui.widgets.rowtable import RowTable

_COLUMNS: Final = (
    ("名称 name", 18),
    ("封存 seal", 14),
    ("大小", 8),
    ("属主 owner", 12),
    ("日期", 10),
)
_PLAIN: Final = Sign("▲", "未封", "plain", theme.WARN)
_GONE: Final = Sign("■", "已毁", "erased", theme.QUIET)


class DatasetsDialog(FormDialog[str]):
    """Answers with the id of a file, or None. Nothing is destroyed by it.

    Args:
        found: the newest of them.
    """

    DO: ClassVar[str] = "选择 Choose"

    def __init__(self, found: DatasetList) -> None:
        super().__init__()
        self._rows = {row.id: row for row in found.datasets}

    @property
    @override
    def heading(self) -> str:
        return "文件与数据集 Files and data sets"

    @override
    def compose_fields(self) -> ComposeResult:
        if not self._rows:
            yield Static("没有文件。 There are no files.", markup=False)
            return
        table = RowTable("datasets", _COLUMNS)
        table.styles.height = min(len(self._rows), 10) + 3
        yield table
        yield Static(id="chosen", classes="label", markup=False)

    def on_mount(self) -> None:
        """Draw the rows once the columns stand."""
        if self._rows:
            self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        table = self.query_one("#datasets", RowTable)
        table.show({name: _cells(row) for name, row in self._rows.items()})
        table.focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell the whole id and purpose of the row."""
        event.stop()
        row = self._rows.get(self.query_one("#datasets", RowTable).chosen or "")
        if row is not None:
            told = f"{inert(row.id, 64)} · {inert(row.purpose, 20)} · {inert(row.key, 64)}"
            self.query_one("#chosen", Static).update(told)

    @override
    def answer(self) -> str:
        chosen = self.query_one("#datasets", RowTable).chosen if self._rows else None
        if chosen is None:
            raise Unclear("没有可选的文件。 There is nothing to choose.")
        return chosen


def _cells(row: DatasetRow) -> tuple[str | Sign, ...]:
    seal: str | Sign = row.algorithm or "sealed"
    if row.state != "sealed":
        seal = _PLAIN if row.state == "plain" else _GONE
    return row.name, seal, bytes_told(row.bytes), row.owner, f"{row.created:%Y-%m-%d}"
