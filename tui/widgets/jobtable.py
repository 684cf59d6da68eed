"""The table of jobs: kind, state, progress and how it ended, one row each."""

from rich.text import Text
from textual.widgets import DataTable
from typing_extensions import override

from appliance.contract.job import Job
from tui import theme
from tui.curve import figure
from tui.inert import inert


def progress(job: Job) -> str:
    """How far a job is, or what it ended with."""
    if job.state == "done" and job.result is not None:
        return outcome(job)
    told = job.progress or {}
    step, steps = figure(told, "step"), figure(told, "steps")
    if step is None or not steps:
        return "–"
    return f"{theme.bar(step / steps, 8)} {step / steps:4.0%}"


def outcome(job: Job) -> str:
    """The figure that counts of a finished job: its loss, or the share of cases passed."""
    result = job.result or {}
    loss = figure(result, "loss")
    if loss is not None:
        return f"loss {loss:.3f}"
    told = [one for one in shares(job) if one[1] is not None]
    if len(told) == 1:
        return f"{told[0][1]:.1%}"
    return f"{len(told)} 项 items" if told else "–"


def shares(job: Job) -> list[tuple[str, float | None, str]]:
    """Ability, share passed and its interval, as an evaluation's result tells them."""
    result = job.result or {}
    found: list[tuple[str, float | None, str]] = []
    abilities = result.get("abilities")
    for one in abilities if isinstance(abilities, list) else []:
        passed = one.get("passed") if isinstance(one, dict) else None
        if isinstance(passed, dict):
            low, high = figure(passed, "low"), figure(passed, "high")
            span = "" if low is None or high is None else f"95 % {low:.1%}–{high:.1%}"
            found.append((inert(one.get("ability", "?"), 24), figure(passed, "share"), span))
    return found


class JobTable(DataTable[Text]):
    """Newest first; the chosen row stays chosen while others come."""

    def __init__(self, identity: str) -> None:
        super().__init__(id=identity, cursor_type="row", zebra_stripes=False, classes="panel")
        self._shown: list[str] = []

    @override
    def on_mount(self) -> None:
        """Name the columns."""
        self.add_column("状态 state", key="state", width=18)
        self.add_column("类型 kind", key="kind", width=10)
        self.add_column("进度 progress", key="progress", width=13)
        self.add_column("编号 id", key="id", width=12)
        self.add_column("开始 UTC", key="created", width=11)

    def show(self, jobs: tuple[Job, ...]) -> None:
        """Draw the list; rows change in place unless jobs came or went."""
        ids = [job.id for job in jobs]
        if ids != self._shown:
            chosen = self.chosen
            self.clear()
            for job in jobs:
                self.add_row(*self._cells(job), key=job.id)
            self._shown = ids
            if chosen in ids:
                self.move_cursor(row=ids.index(chosen), animate=False)
            return
        for job in jobs:
            for column, cell in zip(
                ("state", "kind", "progress", "id", "created"), self._cells(job), strict=True
            ):
                self.update_cell(job.id, column, cell)

    @property
    def chosen(self) -> str | None:
        """The id of the job under the cursor."""
        row = self.cursor_row
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def choose(self, job_id: str) -> None:
        """Move the cursor to a job."""
        if job_id in self._shown:
            self.move_cursor(row=self._shown.index(job_id), animate=False)

    def _cells(self, job: Job) -> tuple[Text, ...]:
        sign = theme.JOB[job.state]
        # Rich's cells know no variables of the theme: the colour itself is handed over.
        shade = self.app.theme_variables.get(sign.style.removeprefix("$text-"), "")
        return (
            Text(f"{sign.mark} {sign.zh} {sign.en}", style=shade, no_wrap=True),
            Text(inert(job.kind, 24), no_wrap=True),
            Text(progress(job), no_wrap=True),
            Text(inert(job.id, 40), no_wrap=True),
            Text(f"{job.created:%m-%d %H:%M}", no_wrap=True),
        )
