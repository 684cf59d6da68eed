"""A table of keyed rows: rows change in place, and the chosen one stays chosen while others come."""

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.widgets import DataTable
from typing_extensions import override

from tui.inert import inert
from tui.theme import Sign

Cell = str | Sign


class RowTable(DataTable[Text]):
    """Rows of inert text and signs.

    Args:
        identity: the widget's id.
        columns: titles with their widths in cells.
    """

    def __init__(self, identity: str, columns: Sequence[tuple[str, int]]) -> None:
        super().__init__(id=identity, cursor_type="row", zebra_stripes=False, classes="panel")
        self._titles = tuple(columns)
        self._shown: list[str] = []

    @override
    def on_mount(self) -> None:
        """Name the columns."""
        for title, width in self._titles:
            self.add_column(title, key=title, width=width)

    def show(self, rows: Mapping[str, Sequence[Cell]]) -> None:
        """Draw rows by key, in this order."""
        keys = list(rows)
        if keys != self._shown:
            chosen = self.chosen
            self.clear()
            for key, cells in rows.items():
                self.add_row(*map(self._cell, cells), key=key)
            self._shown = keys
            if chosen is not None and chosen in rows:
                self.move_cursor(row=keys.index(chosen), animate=False)
            return
        for key, cells in rows.items():
            for (title, _), cell in zip(self._titles, cells, strict=True):
                self.update_cell(key, title, self._cell(cell))

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        row = self.cursor_row
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def choose(self, key: str) -> None:
        """Move the cursor to a row."""
        if key in self._shown:
            self.move_cursor(row=self._shown.index(key), animate=False)

    def _cell(self, cell: Cell) -> Text:
        if isinstance(cell, str):
            return Text(inert(cell, 80), no_wrap=True)
        # Rich's cells know no variables of the theme: the colour itself is handed over.
        shade = self.app.theme_variables.get(cell.style.removeprefix("$text-"), "")
        return Text(f"{cell.mark} {cell.zh} {cell.en}", style=shade, no_wrap=True)
