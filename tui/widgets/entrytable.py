"""The tail of the audit log: oldest above, newest below, following unless one looks back."""

from collections.abc import Iterable
from datetime import datetime

from rich.text import Text
from textual.widgets import DataTable
from typing_extensions import override

from appliance.contract.audit import Entry
from tui.inert import inert

MOST = 500


class EntryTable(DataTable[Text]):
    """At most `MOST` entries; each index once."""

    def __init__(self, identity: str) -> None:
        super().__init__(id=identity, cursor_type="row", classes="panel")
        self._entries: dict[int, Entry] = {}
        self.following = True

    @override
    def on_mount(self) -> None:
        """Name the columns."""
        for title, width in (
            ("序号 #", 7),
            ("时间 UTC", 8),
            ("事件 tag", 27),
            ("主体 actor", 22),
            ("对象 subject", 40),
        ):
            self.add_column(title, width=width)

    @property
    def newest(self) -> int:
        """The largest index seen, or -1."""
        return max(self._entries, default=-1)

    @property
    def latest(self) -> datetime | None:
        """The time of the entry with the largest index: what the box's clock said then."""
        newest = self._entries.get(self.newest)
        return None if newest is None else newest.time

    @property
    def chosen(self) -> Entry | None:
        """The entry under the cursor."""
        entries = list(self._entries.values())
        return entries[self.cursor_row] if 0 <= self.cursor_row < len(entries) else None

    def begin(self, entries: Iterable[Entry]) -> None:
        """Show these entries alone."""
        self._entries = {}
        self.clear()
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries, in any order; those that stand there already are left alone."""
        fresh = sorted(
            (one for one in entries if one.index not in self._entries), key=lambda one: one.index
        )
        if not fresh:
            return
        late = fresh[0].index < self.newest
        kept = None if self.chosen is None else self.chosen.index
        for one in fresh:
            self._entries[one.index] = one
        if late or len(self._entries) > MOST:
            self._redraw()
        else:
            for one in fresh:
                self.add_row(*_cells(one), key=str(one.index))
        self._place(kept)

    def on_resize(self) -> None:
        """Keep the chosen entry in sight when a line above takes a row away."""
        if self.row_count:
            self.move_cursor(row=self.cursor_row, animate=False)

    def _redraw(self) -> None:
        order = sorted(self._entries)[-MOST:]
        self._entries = {index: self._entries[index] for index in order}
        self.clear()
        for one in self._entries.values():
            self.add_row(*_cells(one), key=str(one.index))

    def _place(self, kept: int | None) -> None:
        order = list(self._entries)
        row = len(order) - 1 if self.following or kept not in self._entries else order.index(kept)
        self.move_cursor(row=row, animate=False)


def _cells(entry: Entry) -> tuple[Text, ...]:
    return (
        Text(str(entry.index), no_wrap=True),
        Text(f"{entry.time:%H:%M:%S}", no_wrap=True),
        Text(inert(entry.tag, 60), no_wrap=True),
        Text(inert(entry.actor, 60), no_wrap=True),
        Text(inert(entry.subject or "–", 80), no_wrap=True),
    )
