"""Storage: the slots of the vault, its back end and space, and backups with their age."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.contract.backup import BackupTargetView, BackupWish
from appliance.contract.slots import SlotView
from tui.backupvisit import BackupVisit, restoring
from tui.dialogs.page import PageDialog
from tui.inert import inert
from tui.keeping import DID, at_work, backup_rows, health_lines, storage, target_told
from tui.line import Line
from tui.messages import Failed
from tui.messages_storage import (
    BackupAsked,
    BackupsHeard,
    BackupsNow,
    SlotChanged,
    SlotsHeard,
    StorageHeard,
)
from tui.screens.asking import AskingScreen
from tui.slotrows import advice, slot_rows, slot_told
from tui.slotvisit import SlotVisit
from tui.widgets.rowtable import RowTable

if TYPE_CHECKING:
    from appliance.contract.storage import StorageView

SLOT_COLUMNS: Final = (
    ("方式 slot", 19),
    ("名称 label", 12),
    ("持有 held", 11),
    ("上次使用", 11),
    ("上次试用", 11),
)
BACKUP_COLUMNS: Final = (
    ("目标 target", 12),
    ("备份 backup", 14),
    ("大小 size", 9),
    ("核验 checked", 14),
    ("演练 drill", 14),
)
NO_TARGET: Final = "还没有备份目标:按 a 添加。 No backup target yet: a adds one."
CHANGED: Final = {
    "add": "已添加 added",
    "test": "可以打开 opens the vault",
    "reseal": "已重新封装 sealed anew",
    "revoke": "已吊销 revoked",
}


class StorageScreen(AskingScreen):
    """Slots above, space between, backups below."""

    TITLE_ZH, TITLE_EN = "存储", "Storage"
    EVERY_S = 5.0
    FIRST = "#slots"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "slot('add')", "添加", show=False),
        Binding("t", "slot('test')", "试用", show=False),
        Binding("s", "slot('reseal')", "封装", show=False),
        Binding("r", "slot('revoke')", "吊销", show=False),
        Binding("h", "health", "健康", show=False),
        Binding("b", "backup('create')", "备份", show=False),
        Binding("v", "backup('verify')", "核验", show=False),
        Binding("d", "backup('drill')", "演练", show=False),
        Binding("a", "target", "目标", show=False),
        Binding("x", "forget", "移除", show=False),
        Binding("g", "restore", "恢复", show=False),
        Binding("k", "app.go('vault_keys')", "密钥", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._storage: StorageView | None = None
        self._slots: tuple[SlotView, ...] = ()
        self._backups: BackupsNow | None = None

    @override
    def compose_body(self) -> Iterator[Widget]:
        slots = RowTable("slots", SLOT_COLUMNS)
        slots.border_title = "开启方式 Slots"
        slots.border_subtitle = (
            "n 添加 add · t 试用 test · s 重新封装 seal · r 吊销 revoke · k 密钥 keys"
        )
        yield slots
        with VerticalScroll(id="space", classes="panel", can_focus=False) as space:
            yield Static("正在询问… Asking…", id="storage", markup=False)
        space.border_title = "存储与空间 Back end and space"
        backups = RowTable("backups", BACKUP_COLUMNS)
        backups.border_title = "备份 Backups"
        backups.border_subtitle = (
            "b 备份 now · v 核验 · d 演练 drill · g 恢复 restore · a 目标 · x 移除"
        )
        yield backups
        yield Static(id="said", markup=False)

    @override
    def ask_box(self) -> None:
        self.ask("storage", self.box.storage.look, StorageHeard, patience_s=10)
        self.ask("slots", self.box.slots.list, SlotsHeard, patience_s=10)
        self.ask("backups", self._look, BackupsHeard, patience_s=10)

    async def _look(self) -> BackupsNow:
        return BackupsNow(await self.box.backups.list(), await self.box.jobs())

    def on_storage_heard(self, message: StorageHeard) -> None:
        """Draw back end and space; the box's clock tells the ages of the rest."""
        message.stop()
        self._storage = message.storage
        told = storage(message.storage, wide=self.has_class("-wide"))
        self.query_one("#storage", Static).update(told)
        self._draw()

    def on_slots_heard(self, message: SlotsHeard) -> None:
        """Draw the slots."""
        message.stop()
        self._slots = message.slots
        self._draw()

    def on_backups_heard(self, message: BackupsHeard) -> None:
        """Draw the backups."""
        message.stop()
        self._backups = message.now
        self._draw()

    def _draw(self) -> None:
        if self._storage is None:
            return
        now = self._storage.time
        self.query_one("#slots", RowTable).show(slot_rows(self._slots, now))
        if self._backups is not None:
            rows = backup_rows(self._backups.list, self._backups.jobs, now)
            self.query_one("#backups", RowTable).show(rows)
        self._tell()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of another row."""
        event.stop()
        self._tell()

    def on_descendant_focus(self) -> None:
        """Tell of the row in the table that one came to."""
        self._tell()

    def _tell(self) -> None:
        """Say all of the chosen row of the table that has the focus, and what is lacking."""
        said = self.query_one("#said", Static)
        target, slot = self._target(), self._slot()
        if self.query_one("#backups").has_focus:
            said.update(target_told(target) if target is not None else Content(NO_TARGET))
        elif slot is not None:
            lacking = advice(self._slots)
            told = Content(f"\n▲ {lacking}") if lacking else Content("")
            said.update(Content.assemble(slot_told(slot), told))

    def _slot(self) -> SlotView | None:
        chosen = self.query_one("#slots", RowTable).chosen
        return next((one for one in self._slots if one.id == chosen), None)

    def _target(self) -> BackupTargetView | None:
        chosen = self.query_one("#backups", RowTable).chosen
        targets = self._backups.list.targets if self._backups is not None else ()
        return next((one for one in targets if one.name == chosen), None)

    # Slots

    def action_slot(self, did: Literal["add", "test", "reseal", "revoke"]) -> None:
        """Add a slot, or do something about the chosen one."""
        visit = SlotVisit(self.box, self.app.push_screen_wait, self._slots)
        slot = self._slot()
        if did == "add":
            self.ask("slot", visit.add, lambda made: SlotChanged(made, did))
            return
        if did == "reseal" and (slot is None or slot.kind != "tpm"):
            sealed = [one for one in self._slots if one.kind == "tpm"]
            slot = sealed[0] if len(sealed) == 1 else None
        if slot is None:
            self.notify("请先选择一个方式。 Choose a slot first.", markup=False)
            return
        ways = {"test": visit.test, "reseal": visit.reseal, "revoke": visit.revoke}
        self.ask("slot", lambda: ways[did](slot), lambda one: SlotChanged(one, did))

    def on_slot_changed(self, message: SlotChanged) -> None:
        """Say so, and look."""
        message.stop()
        if message.slot is not None:
            name = inert(message.slot.label or message.slot.kind, 64)
            self.notify(f"✔ {name} {CHANGED[message.did]}", markup=False)
            self.look_again()

    # Backups

    def action_health(self) -> None:
        """Show every finding in full."""
        if self._storage is not None:
            told = health_lines(self._storage.findings)
            _ = self.app.push_screen(PageDialog("存储健康 Health of the storage", told))

    def action_backup(self, what: Literal["create", "verify", "drill"]) -> None:
        """Have the chosen target written, checked or rehearsed."""
        target = self._target()
        if target is None:
            self.notify(NO_TARGET, markup=False)
            return
        jobs = self._backups.jobs if self._backups is not None else ()
        if at_work(target.name, jobs) is not None:
            self.notify("该目标正忙,见 F3。 That target is at work: see F3.", markup=False)
            return
        wish = BackupWish(what=what, target=target.name)
        self.ask(
            "backup",
            lambda: self.box.backups.submit(wish),
            lambda _: BackupAsked(wish.target, what),
        )

    def action_target(self) -> None:
        """Name a target."""
        visit = BackupVisit(self.box, self.app.push_screen_wait)
        self.ask("target", visit.add, lambda name: BackupAsked(name, "add"))

    def action_forget(self) -> None:
        """Forget the chosen target, once confirmed."""
        target = self._target()
        if target is not None:
            visit = BackupVisit(self.box, self.app.push_screen_wait)
            self.ask(
                "target", lambda: visit.forget(target), lambda name: BackupAsked(name, "forget")
            )

    def action_restore(self) -> None:
        """Say how a box comes back from the chosen target."""
        target = self._target()
        if target is None:
            self.notify(NO_TARGET, markup=False)
            return
        title = f"恢复 Restoring · {inert(target.name, 40)}"
        _ = self.app.push_screen(PageDialog(title, restoring(target)))

    def on_backup_asked(self, message: BackupAsked) -> None:
        """Say so, and look."""
        message.stop()
        if not message.target:
            return
        done = {"add": "已添加 added", "forget": "已移除 forgotten"}
        said = done.get(message.did) or f"{DID[message.did]} 已排队,见 F3 queued: see F3"
        self.notify(f"{inert(message.target, 40)} {said}", markup=False)
        self.look_again()

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if not self.take_fault(message.fault):
            said = message.fault.told
            self.query_one("#said", Static).update(Content(said))
            if message.topic not in {"storage", "slots", "backups"}:
                self.cry(said)
