"""What every screen of the console shares: first line, banner, and questions asked by workers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from http import HTTPStatus
from typing import TypeVar

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState
from typing_extensions import override

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from tui.line import Fault, Line
from tui.messages import Failed, LineChanged
from tui.widgets.banner import Banner
from tui.widgets.keyline import KeyLine
from tui.widgets.topbar import TopBar

T = TypeVar("T")

SIGN_IN = "请按 F5 重新登录。 Press F5 and sign in again."
Work = Callable[[], Coroutine[None, None, None]]

# Whatever reading an answer of another version can raise; the rest of the errors are ours.
UNREADABLE = (
    ProblemError,
    BoxUnreachable,
    TimeoutError,
    ValueError,
    TypeError,
    RecursionError,
)


class BoxScreen(Screen[None]):
    """A screen on one line.

    A subclass yields its widgets in `compose_body`, asks with `ask` and hears the answers in its
    message handlers.

    Args:
        line: the box, and what was last heard of it.
    """

    TITLE_ZH = ""
    TITLE_EN = ""
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 (Textual's own form)
        (0, "-narrow"),
        (110, "-wide"),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line

    @property
    def box(self) -> Session:
        """The session to ask."""
        return self.line.box

    @override
    def compose(self) -> ComposeResult:
        yield TopBar(self.TITLE_ZH, self.TITLE_EN)
        yield Banner()
        yield from self.compose_body()
        yield KeyLine()

    def compose_body(self) -> Iterator[Widget]:
        """Yield what stands between banner and footer."""
        yield from ()

    def ask(
        self,
        topic: str,
        question: Callable[[], Awaitable[T]],
        answer: Callable[[T], Message],
        *,
        patience_s: float | None = None,
        anew: bool = False,
    ) -> bool:
        """Ask in a worker; its answer comes as the message `answer(value)`, a refusal as `Failed`.

        Args:
            topic: names the question; it is asked once at a time.
            question: called inside the worker.
            answer: makes the message.
            patience_s: how long to wait, in seconds; None waits as long as the client does.
            anew: drop the same question where it is still being asked, instead of leaving it.

        Returns:
            False when the same topic is still being asked: nothing new was started.
        """
        if self.asking(topic) and not anew:
            return False

        async def work() -> None:
            try:
                value = await patient(question(), patience_s)
            except UNREADABLE as error:
                self.post_message(Failed(topic, Fault.of(error)))
            else:
                self.post_message(answer(value))

        self.start(work, group=topic, exclusive=anew)
        return True

    def start(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        """Have a worker do `work`; an exclusive one ends the others of its group."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=exclusive)

    def asking(self, topic: str) -> bool:
        """Whether a worker of this topic is at work."""
        return any(
            worker.group == topic
            and worker.node is self
            and worker.state in {WorkerState.PENDING, WorkerState.RUNNING}
            for worker in self.workers
        )

    def on_line_changed(self, message: LineChanged) -> None:
        """Draw first line and banner."""
        message.stop()
        self.show_line()

    def on_screen_resume(self) -> None:
        """Draw what was missed while another screen was shown."""
        self.show_line()

    def show_line(self) -> None:
        """Draw first line and banner; a subclass may add to it."""
        self.query_one(TopBar).show(self.line)
        self.query_one(Banner).show(self.line)

    def cry(self, said: str) -> None:
        """Tell, over whatever is shown, why what a person asked for was not done."""
        self.notify(said, severity="error", markup=False, timeout=10)

    def take_fault(self, fault: Fault) -> bool:
        """Put an unreachable box or locked vault into the banner; send an ended session to the door.

        Returns:
            False for any other refusal: the screen says that one where it belongs.
        """
        if fault.unreachable:
            self.line.fault = fault
            self.show_line()
            return True
        if fault.code == "vault.locked":
            self.query_one(Banner).say(fault, "按 F5 解锁。 Press F5 to unlock it.")
            return True
        if fault.problem is not None and fault.problem.status == HTTPStatus.UNAUTHORIZED:
            self.line.person = None
            self.show_line()
            self.notify(f"{fault.sentence}\n{SIGN_IN}", severity="error", markup=False)
            return True
        return False


async def patient(question: Awaitable[T], seconds: float | None) -> T:
    """Wait for an answer, at most `seconds`.

    Raises:
        TimeoutError: it did not come.
    """
    async with asyncio.timeout(seconds):
        return await question
