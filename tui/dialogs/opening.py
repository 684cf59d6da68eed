"""Asking for what opens the vault now, before anything about its slots is changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from textual.app import ComposeResult
from textual.widgets import Button, Input, Static
from typing_extensions import override

from tui.dialogs.form import FormDialog, Unclear, label
from tui.widgets.opening import Entered, Opening, Unready


@dataclass(frozen=True, slots=True)
class Question:
    """What a secret is asked for.

    Args:
        heading: what stands in the frame.
        words: what it is for, in Chinese and English.
        do: the words of the button.
        kinds: the slots there are, which tells the ways.
        approval: also ask for the id of a second person's approval.
    """

    heading: str
    words: str
    do: str
    kinds: Sequence[str] = ()
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What was entered, and the approval where one was asked for."""

    entered: Entered = field(default_factory=Entered)
    approval: str = ""


class OpeningDialog(FormDialog[Given]):
    """Answers with what was entered, or None.

    Args:
        question: what for.
        before: what was entered before and is kept.
        said: why it is asked again.
    """

    def __init__(self, question: Question, before: Given, said: str) -> None:
        super().__init__()
        self._question = question
        self._before = before
        self._said = said

    @property
    @override
    def heading(self) -> str:
        return self._question.heading

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(self._question.words, markup=False)
        yield Opening(self._before.entered)
        if self._question.approval:
            yield label("批准编号;不需要时留空 id of the approval, where one is needed")
            yield Input(self._before.approval, id="approval", compact=True, max_length=64)

    def on_mount(self) -> None:
        """Offer the ways there are, and say why it is asked again."""
        self.query_one("#do", Button).label = self._question.do
        self.query_one(Opening).offer(self._question.kinds)
        self.say(self._said)

    def on_show(self) -> None:
        """What is asked for is a secret."""
        self.query_one(Opening).focus_field()

    @override
    def answer(self) -> Given:
        try:
            entered = self.query_one(Opening).take()
        except Unready as error:
            raise Unclear(str(error)) from error
        approval = self.typed("approval") if self._question.approval else ""
        return Given(entered, approval)
