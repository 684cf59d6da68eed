"""The form of key facts: fields that the box's schema knows, the rest as JSON, issues beside them."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Select, Static, TextArea
from typing_extensions import override

from tui import facts as keyfacts
from tui.inert import inert
from tui.widgets.fieldlist import GROUPS, PATHS, FactField

if TYPE_CHECKING:
    from textual.widget import Widget

LONGEST = 60


class FactRow(Horizontal):
    """One field: label, entry, and an issue that appears when there is one."""

    def __init__(self, field: FactField, shape: keyfacts.Shape) -> None:
        super().__init__(classes="fact")
        self.field = field
        self.shape = shape

    @override
    def compose(self) -> ComposeResult:
        """Place label and entry."""
        yield Static(
            Content.assemble(self.field.zh, (f" {self.field.en}", "$text-muted")),
            classes="fact-label",
        )
        if self.shape.kind == "choice":
            pairs = [(Content(inert(choice, 20)), choice) for choice in self.shape.choices]
            yield Select(pairs, prompt="–", allow_blank=True, compact=True)
        else:
            yield Input(compact=True, max_length=LONGEST)

    @property
    def text(self) -> str:
        """What is entered."""
        if self.shape.kind == "choice":
            value = self.query_one(Select).value
            return value if isinstance(value, str) else ""
        return self.query_one(Input).value

    @text.setter
    def text(self, text: str) -> None:
        if self.shape.kind == "choice":
            select = self.query_one(Select)
            if text in self.shape.choices:
                select.value = text
            else:
                select.clear()
        else:
            self.query_one(Input).value = inert(text, LONGEST)

    def complain(self, sentence: str) -> None:
        """Show an issue beside the field; an empty one clears it."""
        _ = self.query(".issue").remove()
        if sentence:
            _ = self.mount(Static(f"✖ {sentence}", classes="issue", markup=False))
        self.set_class(bool(sentence), "-wrong")

    def focus_entry(self) -> None:
        """Put the cursor there; a console that is being closed has no entries any more."""
        for entry in self.query(Select if self.shape.kind == "choice" else Input):
            _ = entry.focus()


class FactForm(VerticalScroll):
    """All fields; built once the schema is known."""

    can_focus = False

    async def build(self, schema: Mapping[str, Any]) -> None:
        """Place the fields that this box knows."""
        await self.remove_children()
        made: list[Widget] = []
        for group in GROUPS:
            shapes = [(field, keyfacts.shape(schema, field.path)) for field in group.fields]
            rows = [FactRow(field, shape) for field, shape in shapes if shape is not None]
            if rows:
                made.append(Static(f"{group.zh} {group.en}", classes="fact-group", markup=False))
                made.extend(rows)
        made.append(Static("其余要素 The rest, as JSON", classes="fact-group", markup=False))
        made.append(TextArea(id="rest", compact=True, tab_behavior="focus"))
        made.append(Static(id="rest-issue", classes="issue", markup=False))
        await self.mount_all(made)

    @property
    def rows(self) -> Iterable[FactRow]:
        """The rows, in order."""
        return self.query(FactRow)

    def fill(self, facts: Mapping[str, Any]) -> None:
        """Show these facts; what no field shows stands in the JSON."""
        known = {row.field.path for row in self.rows}
        shown, rest = keyfacts.split(facts, tuple(path for path in PATHS if path in known))
        for row in self.rows:
            row.text = shown.get(row.field.path, "")
            row.complain("")
        text = json.dumps(rest, ensure_ascii=False, indent=1) if rest else ""
        self.query_one("#rest", TextArea).text = text
        self._complain_rest("")

    def collect(self) -> dict[str, Any] | None:
        """The facts; None when something cannot be read, which is then said beside it."""
        sound = True
        self._complain_rest("")
        try:
            facts = keyfacts.parse_rest(self.query_one("#rest", TextArea).text)
        except keyfacts.Unreadable as error:
            self._complain_rest(str(error))
            return None
        for row in self.rows:
            sound = self._collect_row(row, facts) and sound
        return facts if sound else None

    def _collect_row(self, row: FactRow, facts: dict[str, Any]) -> bool:
        row.complain("")
        if not row.text.strip():
            return True
        try:
            keyfacts.put(facts, row.field.path, keyfacts.read(row.shape.kind, row.text))
        except keyfacts.Unreadable as error:
            row.complain(str(error))
            return False
        return True

    def accuse(self, fields: Iterable[str]) -> int:
        """Mark the fields that a refusal names and go to the first; returns how many are here."""
        named = tuple(fields)
        count = 0
        for row in self.rows:
            if any(keyfacts.touches(path, row.field.path) for path in named):
                row.complain("请核对此项。 Check this field.")
                count += 1
                if count == 1:
                    row.focus_entry()
        return count

    def point_at(self, sources: Iterable[str]) -> None:
        """Mark the fields that a sentence was made of."""
        named = tuple(sources)
        for row in self.rows:
            touched = any(keyfacts.touches(source, row.field.path) for source in named)
            row.set_class(touched, "-source")

    def _complain_rest(self, sentence: str) -> None:
        issue = self.query_one("#rest-issue", Static)
        issue.update(f"✖ {sentence}" if sentence else "")
