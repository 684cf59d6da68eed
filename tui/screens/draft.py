"""Drafting an admission note: facts in a form, text as it is written, then sentences with sources."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static
from typing_extensions import override

from tui.inert import inert
from tui.line import Fault, Line
from tui.messages import DraftEnded, DraftHeard, Failed, SchemaHeard
from tui.screens.boxscreen import UNREADABLE, BoxScreen
from tui.streams import batched
from tui.widgets.factform import FactForm
from tui.widgets.fieldlist import EXAMPLE
from tui.widgets.notepaper import NotePaper
from tui.widgets.sources import labels

if TYPE_CHECKING:
    from textual.timer import Timer

    from appliance.contract.specialist import Draft, DraftEvent

BATCH_S = 0.05
TRIES = 40
IDLE = "F6 填入示例 example · F7 起草 draft · F8 要素/病历 facts or note"


class DraftScreen(BoxScreen):
    """Form left, note right; on a narrow terminal one at a time."""

    TITLE_ZH, TITLE_EN = "入院病历", "Admission note"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f6", "example", "示例", show=False),
        Binding("f7", "draft", "起草", show=False),
        Binding("f8", "turn", "翻面", show=False),
        Binding("escape", "leave", "离开", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._facts: dict[str, Any] = {}
        self._since: float | None = None
        self._built = False
        self._tries = 0
        self._again: Timer | None = None

    @override
    def compose_body(self) -> Iterator[Widget]:
        with Horizontal(id="actions"):
            yield Button("F6 示例 Example", id="example", compact=True)
            yield Button("F7 起草 Draft", id="draft", variant="primary", compact=True)
            yield Button("F8 要素/病历 Turn", id="turn", compact=True)
        yield Static(IDLE, id="status", markup=False)
        with Horizontal(id="desk"):
            form = FactForm(id="form", classes="panel")
            form.border_title = "要素 Key facts"
            yield form
            with Vertical(id="side", classes="panel") as side:
                yield NotePaper("paper")
                yield Static(id="sources", markup=False)
                yield Static(id="receipt", markup=False)
            side.border_title = "病历 Note"

    def on_mount(self) -> None:
        """Learn the fields; count seconds while a note is written."""
        self.set_interval(0.1, self._count)

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._learn()

    @override
    def show_line(self) -> None:
        super().show_line()
        self._learn()

    def _learn(self) -> None:
        if not self._built and self.is_current and self.line.fault is None:
            self.ask("schema", self.box.draft_schema, SchemaHeard, patience_s=10)

    async def on_schema_heard(self, message: SchemaHeard) -> None:
        """Build the form."""
        message.stop()
        if not self._built:
            form = self.query_one(FactForm)
            await form.build(message.schema)
            self._built = True  # only now may a key fill or read it
            for row in islice(form.rows, 1):
                row.focus_entry()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what was asked for."""
        event.stop()
        match event.button.id:
            case "example":
                self.action_example()
            case "draft":
                self.action_draft()
            case _:
                self.action_turn()

    def action_example(self) -> None:
        """Fill in an invented patient."""
        if self._built:
            self.query_one(FactForm).fill(EXAMPLE)
            self._status("已填入虚构病人,按 F7 起草。 An invented patient: F7 drafts.")

    def action_turn(self) -> None:
        """Show the other side on a narrow terminal."""
        self.toggle_class("-writing")

    def action_leave(self) -> None:
        """Stop drafting, or leave the field."""
        if self._since is not None or self._again is not None:
            self._forget_again()
            self.workers.cancel_group(self, "draft")
            self._since = None
            self._status("已停止。 Stopped.")
        else:
            self.set_focus(None)

    def action_draft(self) -> None:
        """Have a note written from the facts."""
        if not self._built or self._since is not None:
            return
        self._forget_again()
        facts = self.query_one(FactForm).collect()
        if facts is None:
            self.remove_class("-writing")
            self._status("✖ 请更正标出的字段。 Correct the fields that are marked.")
            return
        self._facts = facts
        self._tries = 0
        self._write()

    def _forget_again(self) -> None:
        if self._again is not None:
            self._again.stop()
            self._again = None

    def _write(self) -> None:
        self._again = None
        self.query_one(NotePaper).clear()
        self.query_one("#sources", Static).update("")
        self.query_one("#receipt", Static).update("")
        self.add_class("-writing")
        self._since = self.line.clock()
        self._status(self._writing())
        self.start(partial(self._listen, dict(self._facts)), group="draft", exclusive=True)

    async def _listen(self, facts: dict[str, Any]) -> None:
        draft: Draft | None = None
        try:
            stream: AsyncIterator[DraftEvent] = self.box.draft_stream(facts)
            async with aclosing(batched(stream, BATCH_S)) as batches:
                async for events in batches:
                    draft = next((one.draft for one in events if one.draft is not None), draft)
                    self.post_message(DraftHeard(events))
        except UNREADABLE as error:
            self.post_message(Failed("draft", Fault.of(error)))
        else:
            self.post_message(DraftEnded(draft))

    def on_draft_heard(self, message: DraftHeard) -> None:
        """Show text as it is written, and what the check found."""
        message.stop()
        if self._since is None:
            return
        paper = self.query_one(NotePaper)
        paper.grow("".join(event.text for event in message.events))
        for event in message.events:
            if event.event == "checked":
                paper.tell_findings(event.repairs, event.flags)

    def on_draft_ended(self, message: DraftEnded) -> None:
        """Show the draft that counts, or say that the box broke off."""
        message.stop()
        draft = message.draft
        if self._since is None:
            return
        self._since = None
        if draft is None:
            self._status(
                "✖ 应答中断,上面的文字未经核对,请勿使用;按 F7 重试。 Broken off: unchecked, do not use. F7 tries again."
            )
            return
        self.query_one(NotePaper).show(draft)
        self.query_one("#receipt", Static).update(
            Content.assemble(
                ("收据 receipt ", "$text-muted"),
                inert(draft.receipt, 40),
                ("  模型 model ", "$text-muted"),
                inert(draft.model, 40),
            )
        )
        told = f"{len(draft.repairs)} 处修正 repairs · {len(draft.flags)} 处待核 flags"
        self._status(f"✔ 完成 done {draft.seconds:.1f} s · {told}")

    def on_note_paper_chosen(self, message: NotePaper.Chosen) -> None:
        """Say what the chosen sentence was made of."""
        message.stop()
        sources = message.sentence.sources
        parts: list[str | tuple[str, str]] = [("出处 sources ", "$text-muted")]
        for label, value in labels(sources, self._facts):
            parts += [(label, "bold"), f" {value}  "]
        if not sources:
            parts.append("无 none")
        self.query_one("#sources", Static).update(Content.assemble(*parts))
        self.query_one(FactForm).point_at(sources)

    def on_failed(self, message: Failed) -> None:
        """Say why, at the fields that are named; wait for an engine that is loading."""
        message.stop()
        fault = message.fault
        self.take_fault(fault)
        if message.topic != "draft":
            self._status(f"✖ {fault.sentence}")
            return
        self._since = None
        problem = fault.problem
        if problem is not None and problem.retry_after_s is not None and self._tries < TRIES:
            self._tries += 1
            loaded = "" if problem.progress is None else f" {problem.progress:.0%}"
            self._status(f"◔ 模型加载中{loaded},稍后自动重试。 Loading; tried again by itself.")
            self._again = self.set_timer(min(max(problem.retry_after_s, 0.2), 30), self._write)
            return
        if problem is not None and self.query_one(FactForm).accuse(problem.fields):
            self.remove_class("-writing")
        self._status(f"✖ {fault.sentence} → {fault.way_out}")

    def _count(self) -> None:
        if self._since is not None:
            # Ten times a second: the form beside it need not be laid out again for that.
            self.query_one("#status", Static).update(self._writing(), layout=False)

    def _writing(self) -> str:
        seconds = self.line.clock() - (self._since or 0.0)
        return f"✎ 正在书写 writing… {seconds:.1f} s  Esc 停止 stop"

    def _status(self, words: str) -> None:
        self.query_one("#status", Static).update(Content(words))
