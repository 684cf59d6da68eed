"""Keys and use: who may ask how much, what was used, a new key's secret shown once."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.contract.access import KeyLimits, KeyView, KeyWish
from appliance.contract.usage import UsageBy
from tui.dialogs.keys import LimitsDialog, NewKeyDialog, SecretDialog, UsageFileDialog
from tui.dialogs.question import QuestionDialog
from tui.inert import inert
from tui.keyrows import key_rows, limits_told, use_rows, use_title
from tui.line import Line
from tui.messages import Failed
from tui.messages_serving import KeyChanged, KeyMade, KeysHeard, UsageHeard, UsageWritten
from tui.newfile import FileRefused, write_new
from tui.screens.asking import AskingScreen
from tui.widgets.rowtable import RowTable

BY: Final[tuple[UsageBy, ...]] = ("key", "model", "day", "user")
DID: Final = {"revoke": "已吊销 revoked", "limit": "限额已改 limits set"}
KEY_COLUMNS: Final = (
    ("状态 state", 16),
    ("名称 name", 12),
    ("归属 owner", 12),
    ("到期 until", 10),
    ("限额 limits", 24),
)
USE_COLUMNS: Final = (
    ("名称 name", 28),
    ("请求 requests", 13),
    ("输入 prompt", 13),
    ("输出 written", 13),
)


class KeysScreen(AskingScreen):
    """Keys above, use below."""

    TITLE_ZH, TITLE_EN = "密钥用量", "Keys and use"
    EVERY_S = 10.0
    FIRST = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "create", "新建", show=False),
        Binding("l", "limit", "限额", show=False),
        Binding("r", "revoke", "吊销", show=False),
        Binding("b", "turn", "分组", show=False),
        Binding("x", "export", "导出", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._keys: dict[str, KeyView] = {}
        self._by = 0

    @override
    def compose_body(self) -> Iterator[Widget]:
        keys = RowTable("keys", KEY_COLUMNS)
        keys.border_title = "密钥 Keys"
        keys.border_subtitle = "n 新建 new · l 限额 limits · r 吊销 revoke"
        yield keys
        use = RowTable("use", USE_COLUMNS)
        use.border_subtitle = "b 换分组 group · x 导出 export CSV"
        yield use
        yield Static(id="said", markup=False)

    @override
    def ask_box(self) -> None:
        by = BY[self._by]
        self.ask("keys", self.box.keys, KeysHeard, patience_s=10)
        self.ask("usage", lambda: self.box.access.usage(by), UsageHeard, patience_s=10)

    def on_keys_heard(self, message: KeysHeard) -> None:
        """Draw the keys."""
        message.stop()
        self._keys = {key.id: key for key in message.keys}
        self.query_one("#keys", RowTable).show(key_rows(message.keys))
        if not message.keys:
            self._say("还没有密钥:按 n 新建。 No keys yet: n makes one.")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell all of the chosen key."""
        event.stop()
        key = self._keys.get(self.query_one("#keys", RowTable).chosen or "")
        if key is not None:
            models = "全部 all" if key.models is None else inert(" ".join(key.models), 100)
            scopes = inert(" ".join(key.scopes), 100)
            self._say(f"{inert(key.id, 40)} · {scopes} · {models} · {limits_told(key)}")

    def on_usage_heard(self, message: UsageHeard) -> None:
        """Draw the use; an answer to what was asked before the grouping changed is dropped."""
        message.stop()
        report = message.report
        if report.by != BY[self._by]:
            self.look_again()
            return
        table = self.query_one("#use", RowTable)
        table.border_title = use_title(report)
        table.show(use_rows(report))

    def action_turn(self) -> None:
        """Group the use otherwise."""
        self._by = (self._by + 1) % len(BY)
        self.look_again()

    def action_create(self) -> None:
        """Ask what key to make."""
        _ = self.app.push_screen(NewKeyDialog(), self._create)

    def _create(self, wish: KeyWish | None) -> None:
        if wish is not None:
            self.ask("create", lambda: self.box.create_key(wish), KeyMade)

    def on_key_made(self, message: KeyMade) -> None:
        """Show its secret, this once."""
        message.stop()
        _ = self.app.push_screen(SecretDialog(message.made))
        self.look_again()

    def _chosen(self) -> KeyView | None:
        key = self._keys.get(self.query_one("#keys", RowTable).chosen or "")
        if key is None or key.state == "revoked":
            self.notify("请选择一个未吊销的密钥。 Choose a key that is not revoked.", markup=False)
            return None
        return key

    def action_revoke(self) -> None:
        """Revoke the chosen key, once confirmed."""
        key = self._chosen()
        if key is None:
            return

        def confirmed(yes: bool | None) -> None:  # noqa: FBT001 (Textual hands the dialog's answer over)
            if yes:
                self.ask(
                    "revoke",
                    lambda: self.box.revoke_key(key.id),
                    lambda _: KeyChanged(key.id, "revoke"),
                )

        question = (
            f"吊销 {inert(key.name, 40)}?立即失效,无法恢复。 Revoke it? At once, and for good."
        )
        _ = self.app.push_screen(QuestionDialog(question, "吊销 Revoke"), confirmed)

    def action_limit(self) -> None:
        """Set the limits of the chosen key."""
        key = self._chosen()
        if key is None:
            return

        def decided(limits: KeyLimits | None) -> None:
            if limits is not None:
                self.ask(
                    "limit",
                    lambda: self.box.access.set_limits(key.id, limits),
                    lambda one: KeyChanged(one.id, "limit"),
                )

        _ = self.app.push_screen(LimitsDialog(key), decided)

    def on_key_changed(self, message: KeyChanged) -> None:
        """Say so, and look."""
        message.stop()
        self.notify(f"{inert(message.key_id, 40)} {DID[message.did]}", markup=False)
        self.look_again()

    def action_export(self) -> None:
        """Write the use of this month into a file here."""
        _ = self.app.push_screen(UsageFileDialog(), self._export)

    def _export(self, path: Path | None) -> None:
        if path is None:
            return

        async def write() -> int | FileRefused:
            try:
                return await write_new(path, self.box.access.export_usage())
            except FileRefused as error:
                return error

        self.ask("export", write, lambda outcome: UsageWritten(str(path), outcome))

    def on_usage_written(self, message: UsageWritten) -> None:
        """Say where it lies."""
        message.stop()
        if isinstance(message.outcome, int):
            said = f"已导出 exported: {inert(message.path, 200)} ({message.outcome:,} B)"
            self.notify(said, markup=False)
        else:
            said = f"✖ 无法写入 cannot be written: {inert(message.outcome, 300)}"
            self.cry(said)

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if not self.take_fault(message.fault):
            self._say(message.fault.told)

    def _say(self, words: str) -> None:
        self.query_one("#said", Static).update(Content(words))
