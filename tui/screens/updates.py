"""Updates: what is on a stick, what it would change, applying it, and taking it back."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.contract.update import InstalledView, RollbackWish
from tui.dialogs.folder import FolderDialog
from tui.dialogs.page import PageDialog
from tui.dialogs.question import QuestionDialog
from tui.inert import inert
from tui.line import Line
from tui.messages import Failed
from tui.messages_updates import PlanHeard, UpdateAsked, UpdatesHeard, UpdatesNow, WellnessHeard
from tui.screens.asking import AskingScreen
from tui.updating import (
    NO_STICK,
    health_told,
    history_rows,
    job_told,
    package_rows,
    plan_told,
    question,
    seen_told,
    standing,
    stick_rows,
)
from tui.widgets.rowtable import RowTable

if TYPE_CHECKING:
    from appliance.contract.job import Job

STICKS: Final = (("介质 stick", 52), ("内容 holds", 20))
PACKAGES: Final = (
    ("种类 kind", 16),
    ("编号 id", 19),
    ("版本 version", 12),
    ("上一版 before", 13),
    ("时间 UTC", 11),
)
HISTORY: Final = (("时间 UTC", 11), ("结果 outcome", 22), ("内容 what", 40))
DID: Final = {"verify": "校验 verifying", "apply": "应用 applying", "rollback": "退回 going back"}
ACTIVE: Final = {"queued", "running"}


class UpdatesScreen(AskingScreen):
    """Sticks above, the plan below them, then what is installed and what happened."""

    TITLE_ZH, TITLE_EN = "更新", "Updates"
    EVERY_S = 2.0
    FIRST = "#sticks"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "plan", "计划", show=False),
        Binding("v", "verify", "校验", show=False),
        Binding("i", "apply", "应用", show=False),
        Binding("a", "folder", "目录", show=False),
        Binding("r", "rollback", "退回", show=False),
        Binding("c", "cancel", "取消", show=False),
        Binding("h", "health", "健康", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._now: UpdatesNow | None = None
        self._named: list[str] = []
        self._job: str | None = None

    @override
    def compose_body(self) -> Iterator[Widget]:
        yield Static(id="standing", markup=False)
        sticks = RowTable("sticks", STICKS)
        sticks.border_title = "介质 Sticks"
        sticks.border_subtitle = "p 计划 plan · v 校验 verify · i 应用 apply · a 目录 folder"
        yield sticks
        with VerticalScroll(id="plan", classes="panel") as plan:
            yield Static(
                "按 p 查看计划。 p shows what a stick would change.", id="told", markup=False
            )
        plan.border_title = "计划与进度 Plan and progress"
        plan.border_subtitle = "c 取消 cancel · h 健康 health"
        packages = RowTable("packages", PACKAGES)
        packages.border_title = "已安装 Installed"
        packages.border_subtitle = "r 退回上一版本 roll back"
        yield packages
        history = RowTable("history", HISTORY)
        history.border_title = "历史 History"
        yield history
        yield Static(id="said", markup=False)

    @override
    def ask_box(self) -> None:
        self.ask("updates", self._look, UpdatesHeard, patience_s=10)

    async def _look(self) -> UpdatesNow:
        status, seen = await self.box.updates.status(), await self.box.updates.list()
        wanted = status.job or self._job
        job = None if wanted is None else await self.box.job(wanted)
        return UpdatesNow(status, seen, job)

    def on_updates_heard(self, message: UpdatesHeard) -> None:
        """Draw everything; a job that is at work, or was asked for here, takes the plan's place."""
        message.stop()
        self._now = now = message.now
        self.query_one("#standing", Static).update(standing(now.status))
        self.query_one("#sticks", RowTable).show(stick_rows(now.status, self._named))
        self.query_one("#packages", RowTable).show(package_rows(now.status.installed))
        self.query_one("#history", RowTable).show(history_rows(now.seen.updates))
        if now.job is not None:
            self._job = now.job.id
            self._show_job(now.job)
        self._tell()

    def _show_job(self, job: "Job") -> None:
        did = DID.get(str(job.spec.get("what")), "")
        place = inert(str(job.spec.get("directory") or job.spec.get("id", "")), 60)
        told = Content.assemble((f"{did} {place}\n", "bold"), job_told(job))
        self.query_one("#told", Static).update(told)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of another row."""
        event.stop()
        self._tell()

    def on_descendant_focus(self) -> None:
        """Tell of the row in the table that one came to."""
        self._tell()

    def _tell(self) -> None:
        """Say all of the chosen line of the history, or what is lacking."""
        said, now = self.query_one("#said", Static), self._now
        if now is None:
            return
        table = self.query_one("#history", RowTable)
        if table.has_focus and now.seen.updates:
            said.update(seen_told(now.seen.updates[max(0, table.cursor_row)]))
        elif not now.status.sticks and not self._named:
            said.update(Content(NO_STICK))
        else:
            said.update(Content(""))

    # Sticks

    def _stick(self) -> str | None:
        chosen = self.query_one("#sticks", RowTable).chosen
        if chosen is None:
            self.notify(NO_STICK, markup=False)
        return chosen

    def action_folder(self) -> None:
        """Name a folder that is not in the list."""

        def named(place: str | None) -> None:
            if place and place not in self._named:
                self._named.append(place)
            if place and self._now is not None:
                table = self.query_one("#sticks", RowTable)
                table.show(stick_rows(self._now.status, self._named))
                table.choose(place)

        _ = self.app.push_screen(FolderDialog(), named)

    def action_plan(self) -> None:
        """Show what the chosen stick would change."""
        self._plan(apply=False)

    def action_apply(self) -> None:
        """Show what the chosen stick would change, and ask whether it shall."""
        self._plan(apply=True)

    def _plan(self, *, apply: bool) -> None:
        place = self._stick()
        if place is not None and not self._busy():
            self._job = None
            self.query_one("#told", Static).update(Content("正在读取… Reading…"))
            self.ask(
                "plan",
                lambda: self.box.updates.plan(place),
                lambda plan: PlanHeard(place, plan, apply=apply),
            )

    def on_plan_heard(self, message: PlanHeard) -> None:
        """Draw the plan; ask, where the person wants it done and it can be."""
        message.stop()
        place, plan = message.directory, message.plan
        self.query_one("#told", Static).update(plan_told(place, plan, wide=self.has_class("-wide")))
        if not message.apply:
            return
        if plan.hindrances:
            self.cry(f"✖ {inert(plan.hindrances[0].sentence, 300)}")
            return

        def confirmed(yes: bool | None) -> None:  # noqa: FBT001 (Textual hands the dialog's answer over)
            if yes:
                self.ask(
                    "apply",
                    lambda: self.box.updates.apply(place),
                    lambda job: UpdateAsked(job, "apply"),
                )

        asked = QuestionDialog(question(place, plan), "应用 Apply")
        _ = self.app.push_screen(asked, confirmed)

    def action_verify(self) -> None:
        """Have the whole stick read."""
        place = self._stick()
        if place is not None and not self._busy():
            self.ask(
                "verify",
                lambda: self.box.updates.verify(place),
                lambda job: UpdateAsked(job, "verify"),
            )

    def action_rollback(self) -> None:
        """Use the version of the chosen package again that was in use before, once confirmed."""
        one = self._package()
        if one is None or one.previous is None:
            self.notify("没有可退回的上一版本。 There is no version before this one.", markup=False)
            return
        wish = RollbackWish(kind=one.kind, id=one.id)

        def confirmed(yes: bool | None) -> None:  # noqa: FBT001 (Textual hands the dialog's answer over)
            if yes:
                self.ask(
                    "rollback",
                    lambda: self.box.updates.rollback(wish),
                    lambda job: UpdateAsked(job, "rollback"),
                )

        versions = f"{inert(one.version, 24)} → {inert(one.previous, 24)}"
        asked = f"退回 {inert(one.id, 40)}:{versions}? Go back to the version before?"
        _ = self.app.push_screen(QuestionDialog(asked, "退回 Roll back"), confirmed)

    def action_cancel(self) -> None:
        """Ask the job at work to stop."""
        job = self._now.job if self._now is not None else None
        if job is not None and job.state in ACTIVE:
            self._cancel(job.id, str(job.spec.get("what")))

    def _cancel(self, job_id: str, did: str) -> None:
        self.ask("cancel", lambda: self.box.cancel_job(job_id), lambda job: UpdateAsked(job, did))

    def action_health(self) -> None:
        """Have the box check whether it works."""
        self.notify("正在检查… Checking…", markup=False)
        self.ask("health", self.box.updates.health, WellnessHeard)

    def on_wellness_heard(self, message: WellnessHeard) -> None:
        """Show every check."""
        message.stop()
        title = "✔ 健康 Healthy" if message.health.ok else "✖ 不健康 Not well"
        _ = self.app.push_screen(PageDialog(title, health_told(message.health)))

    def on_update_asked(self, message: UpdateAsked) -> None:
        """Watch the job."""
        message.stop()
        self._job = message.job.id
        self._show_job(message.job)
        self.look_again()

    def _busy(self) -> bool:
        job = self._now.job if self._now is not None else None
        busy = job is not None and job.state in ACTIVE
        if busy:
            self.notify("另一个更新正在进行。 Another update is going on.", markup=False)
        return busy

    def _package(self) -> InstalledView | None:
        chosen = self.query_one("#packages", RowTable).chosen
        installed = self._now.status.installed if self._now is not None else ()
        return next((one for one in installed if f"{one.kind}/{one.id}" == chosen), None)

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if not self.take_fault(message.fault):
            said = message.fault.told
            where = "#told" if message.topic == "plan" else "#said"
            self.query_one(where, Static).update(Content(said))
            if message.topic != "updates":
                self.cry(said)
