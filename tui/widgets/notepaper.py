"""The note: text as it is written, then the checked sentences, one of them chosen at a time."""

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from typing_extensions import override

from appliance.contract.specialist import Draft, Flag, Repair, Sentence
from tui.inert import inert, inert_lines
from tui.widgets.sources import label

LONGEST_STREAM = 40_000


class NotePaper(Vertical):
    """Streams text, then shows the draft that counts."""

    class Chosen(Message):
        """A sentence was chosen; None when there is none."""

        def __init__(self, sentence: Sentence) -> None:
            self.sentence = sentence
            super().__init__()

    def __init__(self, identity: str) -> None:
        super().__init__(id=identity)
        self._streamed = ""
        self._sentences: dict[str, Sentence] = {}

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(id="stream", can_focus=False):
            yield Static(id="streamed", markup=False)
        yield OptionList(id="sentences", markup=False)
        yield Static(id="findings", markup=False)

    def on_mount(self) -> None:
        """Begin empty."""
        self.clear()

    def clear(self) -> None:
        """Take a fresh sheet."""
        self._streamed = ""
        self._sentences = {}
        self.query_one("#streamed", Static).update("")
        self.query_one("#findings", Static).update("")
        self.query_one("#findings").display = False
        self.query_one("#sentences", OptionList).clear_options()
        self.query_one("#sentences").display = False
        self.query_one("#stream").display = True

    def grow(self, text: str) -> None:
        """Append unchecked text as it is written."""
        self._streamed = (self._streamed + text)[:LONGEST_STREAM]
        self.query_one("#streamed", Static).update(Content(inert_lines(self._streamed)))
        self.query_one("#stream", VerticalScroll).scroll_end(animate=False)

    def tell_findings(self, repairs: tuple[Repair, ...], flags: tuple[Flag, ...]) -> None:
        """List what the check repaired and what a person must look at."""
        parts: list[str | tuple[str, str]] = []
        for flag in flags:
            parts += [("⚑ 请核对 review ", "$text-warning"), f"{inert(flag.sentence, 200)}\n"]
        for repair in repairs:
            change = f"{inert(repair.before, 60) or '(缺 missing)'} → {inert(repair.after, 60)}"
            parts += [("✎ 已修正 repaired ", "$text-accent"), f"{label(repair.field)}: {change}\n"]
        if not parts:
            parts = [("✔ 每个字段与要素一致 every field agrees with the facts", "$text-success")]
        findings = self.query_one("#findings", Static)
        findings.update(Content.assemble(*parts).rstrip())
        findings.display = True

    def show(self, draft: Draft) -> None:
        """Show the checked draft and choose its first sentence."""
        options: list[Option] = []
        self._sentences = {}
        for number, section in enumerate(draft.note.sections):
            title = Content.assemble((inert(section.title, 60), "bold $primary"))
            options.append(Option(title, disabled=True))
            for place, sentence in enumerate(section.sentences):
                identity = f"s{number}-{place}"
                self._sentences[identity] = sentence
                options.append(Option(Content(inert(sentence.text, 2000)), id=identity))
        listed = self.query_one("#sentences", OptionList)
        listed.clear_options()
        listed.add_options(options)
        listed.display = True
        self.query_one("#stream").display = False
        self.tell_findings(draft.repairs, draft.flags)
        listed.focus()
        listed.action_first()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say which sentence is chosen."""
        event.stop()
        sentence = self._sentences.get(event.option_id or "")
        if sentence is not None:
            self.post_message(self.Chosen(sentence))
