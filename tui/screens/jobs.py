"""Jobs: trainings and evaluations, their live curve, starting, cancelling and resuming them."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.contract.job import Job
from tui import theme
from tui.curve import Course, figure
from tui.dialogs.newjob import NewEvaluationDialog, NewTrainingDialog, TrainingWish, Wish
from tui.dialogs.question import QuestionDialog
from tui.inert import inert, inert_lines
from tui.line import Fault, Line
from tui.messages import Failed, JobEventsHeard, JobHeard, JobsHeard
from tui.screens.asking import AskingScreen
from tui.screens.boxscreen import UNREADABLE
from tui.streams import batched
from tui.widgets.jobtable import JobTable, shares
from tui.widgets.plot import CoursePlot

BATCH_S = 0.25
AGAIN_S = 2.0
CANCELLABLE = {"queued", "running"}
RESUMABLE = {"interrupted", "failed", "cancelled"}
DID = {
    "submit": "已提交 submitted",
    "cancel": "已请求取消,先存检查点 asked to stop; it checkpoints first",
    "resume": "已续跑 resumed",
}


class JobsScreen(AskingScreen):
    """Table above or left, the chosen job beside it."""

    TITLE_ZH, TITLE_EN = "任务", "Jobs"
    EVERY_S = 2.0
    FIRST = "JobTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "train", "训练", show=False),
        Binding("e", "evaluate", "评测", show=False),
        Binding("c", "cancel", "取消", show=False),
        Binding("u", "resume", "续跑", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._jobs: dict[str, Job] = {}
        self._courses: dict[str, Course] = {}
        self._watched: str | None = None

    @override
    def compose_body(self) -> Iterator[Widget]:
        with Container(id="bench"):
            table = JobTable("jobs")
            table.border_title = "任务 Jobs"
            table.border_subtitle = "n 训练 train · e 评测 evaluate · c 取消 cancel · u 续跑 resume"
            yield table
            with Vertical(id="detail", classes="panel") as detail:
                yield Static(
                    "还没有任务:按 n 训练,按 e 评测。 No jobs yet: n trains, e evaluates.",
                    id="figures",
                    markup=False,
                )
                yield CoursePlot(id="plot")
                yield Static(id="told", markup=False)
            detail.border_title = "进程 Course"

    @override
    def ask_box(self) -> None:
        self.ask("jobs", self.box.jobs, JobsHeard, patience_s=10)

    def on_jobs_heard(self, message: JobsHeard) -> None:
        """Draw the table; watch the chosen job."""
        message.stop()
        self._jobs = {job.id: job for job in message.jobs}
        table = self.query_one(JobTable)
        table.show(message.jobs)
        self._watch(table.chosen)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Watch another job."""
        event.stop()
        self._watch(self.query_one(JobTable).chosen)

    def _watch(self, job_id: str | None) -> None:
        if job_id is None or job_id not in self._jobs:
            return
        course = self._courses.setdefault(job_id, Course())
        moved = job_id != self._watched
        self._watched = job_id
        if moved or (course.ended and self._jobs[job_id].state in CANCELLABLE):
            course.ended = False
            self.start(partial(self._listen, job_id, course.after), group="watch", exclusive=True)
        self._draw()

    async def _listen(self, job_id: str, after: int) -> None:
        while True:
            try:
                stream = batched(self.box.job_events(job_id, after), BATCH_S)
                async with aclosing(stream) as batches:
                    async for events in batches:
                        after = max(after, *(event.index for event in events))
                        self.post_message(JobEventsHeard(job_id, events))
            except UNREADABLE as error:
                fault = Fault.of(error)
                self.post_message(Failed("watch", fault))
                if not fault.unreachable:
                    return
                await asyncio.sleep(AGAIN_S)
            else:
                return

    def on_job_events_heard(self, message: JobEventsHeard) -> None:
        """Grow the curve."""
        message.stop()
        course = self._courses.setdefault(message.job_id, Course())
        for event in message.events:
            course.take(event)
        if message.job_id == self._watched:
            self._draw()
            if course.ended:
                self.look_again()

    def _draw(self) -> None:
        job = self._jobs.get(self._watched or "")
        if job is None:
            return
        course = self._courses.setdefault(job.id, Course())
        self.query_one("#figures", Static).update(figures(job, course))
        training = job.kind != "evaluation"
        plot = self.query_one(CoursePlot)
        plot.display = bool(course.steps)
        plot.show(course, "loss" if training else "share passed")
        self.query_one("#told", Static).update(told(job))

    def action_train(self) -> None:
        """Ask what to train."""
        _ = self.app.push_screen(NewTrainingDialog(), self._submit)

    def action_evaluate(self) -> None:
        """Ask what to evaluate."""
        _ = self.app.push_screen(NewEvaluationDialog(), self._submit)

    def _submit(self, wish: Wish | None) -> None:
        if wish is None:
            return
        if isinstance(wish, TrainingWish):
            spec = wish.spec
            self.ask(
                "submit",
                lambda: self.box.submit_job("training", spec),
                lambda job: JobHeard(job, "submit"),
            )
        else:
            self.ask("submit", lambda: self.box.evaluate(wish), lambda job: JobHeard(job, "submit"))

    def action_cancel(self) -> None:
        """Cancel the chosen job, once confirmed."""
        job = self._jobs.get(self.query_one(JobTable).chosen or "")
        if job is None or job.state not in CANCELLABLE:
            self.notify(
                "只有排队或运行中的任务可取消。 Only a queued or running job can be cancelled.",
                markup=False,
            )
            return

        def confirmed(yes: bool | None) -> None:  # noqa: FBT001 (Textual hands the dialog's answer over)
            if yes:
                self.ask(
                    "cancel",
                    lambda: self.box.cancel_job(job.id),
                    lambda one: JobHeard(one, "cancel"),
                )

        question = f"取消任务 {inert(job.id, 40)}?已有检查点会保留。 Cancel this job? Its checkpoints stay."
        _ = self.app.push_screen(QuestionDialog(question, "取消任务 Cancel it"), confirmed)

    def action_resume(self) -> None:
        """Put the chosen job back in the queue."""
        job = self._jobs.get(self.query_one(JobTable).chosen or "")
        if job is None or job.state not in RESUMABLE:
            self.notify(
                "只有中断、失败或取消的任务可续跑。 Only an interrupted, failed or cancelled job can be resumed.",
                markup=False,
            )
            return
        self.ask("resume", lambda: self.box.resume_job(job.id), lambda one: JobHeard(one, "resume"))

    def on_job_heard(self, message: JobHeard) -> None:
        """Say what became of it, and look at it."""
        message.stop()
        self.notify(f"{inert(message.job.id, 40)} {DID[message.did]}", markup=False)
        self._jobs[message.job.id] = message.job
        if message.did == "submit":
            others = (job for key, job in self._jobs.items() if key != message.job.id)
            table = self.query_one(JobTable)
            table.show((message.job, *others))
            table.choose(message.job.id)
        self.look_again()

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if not self.take_fault(message.fault):
            said = message.fault.told
            self.query_one("#told", Static).update(Content(said))
            if message.topic in DID:
                self.cry(said)


def figures(job: Job, course: Course) -> Content:
    """State and figures of one job in two lines."""
    at = course.last or job.progress or {}
    said = []
    step, steps = figure(at, "step"), figure(at, "steps")
    if step is not None and steps:
        said.append(f"步 step {step:.0f}/{steps:.0f}")
    for key, word, form in (
        ("loss", "损失 loss", ".3f"),
        ("tokens_per_s", "词元/秒 tokens/s", ",.0f"),
        ("seconds", "用时 s", ".0f"),
    ):
        value = figure(at, key)
        if value is not None:
            said.append(f"{word} {value:{form}}")
    passed, answered = figure(at, "passed"), figure(at, "answered")
    if passed is not None and answered:
        said.append(
            f"{inert(at.get('ability', ''), 20)} 通过 passed {passed / answered:.1%} ({passed:.0f}/{answered:.0f})"
        )
    return Content.assemble(
        theme.JOB[job.state].content(),
        (f"  {inert(job.kind, 20)} {inert(job.id, 40)}\n", "bold"),
        " · ".join(said),
    )


def told(job: Job) -> Content:
    """How a job ended: its fault and the way out, or its shares."""
    if job.fault is not None:
        fault = job.fault
        return Content(f"✖ {inert_lines(fault.sentence, 600)}\n→ {inert_lines(fault.way_out, 400)}")
    lines = [
        f"{ability:<10} {theme.bar(share or 0, 16)} {share or 0:.1%}  {span}"
        for ability, share, span in shares(job)
    ]
    return Content("\n".join(lines))
