"""The keys of the vault: ages, replacing them, destroying what they lock, two-person requests."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.contract.people import ApprovalView
from appliance.contract.vault_keys import KeyRow
from tui.inert import inert
from tui.keyvisit import KeyVisit
from tui.line import Line
from tui.messages import Failed
from tui.messages_storage import (
    ApprovalDecided,
    ApprovalsHeard,
    KeyDestroyed,
    KeyReplaced,
    VaultKeysHeard,
)
from tui.screens.boxscreen import BoxScreen
from tui.vaultkeys import (
    approval_rows,
    approval_told,
    key_told,
    name_of,
    root_told,
    vault_key_rows,
)
from tui.widgets.rowtable import RowTable

if TYPE_CHECKING:
    from datetime import datetime

    from appliance.contract.vault_keys import KeyList

EVERY_S: Final = 10.0
KEY_COLUMNS: Final = (
    ("密钥 key", 18),
    ("状态 state", 13),
    ("算法", 12),
    ("年龄", 6),
    ("何时更换 when", 15),
    ("其下 under", 10),
)
APPROVAL_COLUMNS: Final = (
    ("状态 state", 14),
    ("操作 action", 14),
    ("对象 subject", 18),
    ("申请人 by", 10),
    ("时 age", 6),
)
WHEN: Final = {"now": "立即生效 in use now", "opening": "下次解锁时生效 from the next unlock on"}
DONE: Final = {"approve": "已批准 approved", "cancel": "已取消 cancelled"}
NOTHING: Final = "没有待办申请。 No request waits."


class VaultKeysScreen(BoxScreen):
    """Keys above, root and memory between, requests below."""

    TITLE_ZH, TITLE_EN = "保险库密钥", "Keys of the vault"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "rotate('root')", "根密钥", show=False),
        Binding("u", "rotate('use')", "更换", show=False),
        Binding("e", "erase", "销毁", show=False),
        Binding("y", "decide('approve')", "批准", show=False),
        Binding("c", "decide('cancel')", "取消", show=False),
        Binding("escape", "back", "返回", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._seen: KeyList | None = None
        self._now: datetime | None = None
        self._approvals: tuple[ApprovalView, ...] = ()

    @override
    def compose_body(self) -> Iterator[Widget]:
        keys = RowTable("vault-keys", KEY_COLUMNS)
        keys.border_title = "密钥 Keys"
        keys.border_subtitle = "o 根密钥 root · u 更换 replace · e 销毁 destroy · Esc 返回 back"
        yield keys
        root = Static("正在询问… Asking…", id="root", classes="panel", markup=False)
        root.border_title = "根密钥与内存 Root and memory"
        yield root
        approvals = RowTable("approvals", APPROVAL_COLUMNS)
        approvals.border_title = "双人申请 Two-person requests"
        approvals.border_subtitle = "y 批准 approve · c 取消 cancel"
        yield approvals
        yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        """Ask now and every ten seconds."""
        self.set_interval(EVERY_S, self._ask)

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._ask()
        self.query_one("#vault-keys").focus()

    def _ask(self, *, anew: bool = False) -> None:
        if self.is_current and self.line.person is not None:
            approvals = self.box.access.approvals
            self.ask(
                "vault-keys",
                self._look,
                lambda seen: VaultKeysHeard(*seen),
                patience_s=10,
                anew=anew,
            )
            self.ask("approvals", approvals, ApprovalsHeard, patience_s=10, anew=anew)

    async def _look(self) -> "tuple[KeyList, datetime]":
        # Ages are told by the box's own clock.
        return await self.box.slots.keys.list(), (await self.box.storage.look()).time

    def on_vault_keys_heard(self, message: VaultKeysHeard) -> None:
        """Draw the keys."""
        message.stop()
        self._seen, self._now = message.seen, message.now
        self.query_one("#vault-keys", RowTable).show(vault_key_rows(message.seen, message.now))
        self.query_one("#root", Static).update(root_told(message.seen))
        self._tell()

    def on_approvals_heard(self, message: ApprovalsHeard) -> None:
        """Draw the requests."""
        message.stop()
        found = message.found
        self._approvals = found.approvals
        table = self.query_one("#approvals", RowTable)
        state = "须两人 two people" if found.on else "一人即可 one person is enough"
        table.border_title = f"双人申请 Two-person requests · {state}"
        # Where one person is enough and nobody asked for two, the keys have the room.
        table.display = found.on or bool(found.approvals)
        table.show(approval_rows(self._approvals, self._now))
        self._tell()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of another row."""
        event.stop()
        self._tell()

    def on_descendant_focus(self) -> None:
        """Tell of the row in the table that one came to."""
        self._tell()

    def _tell(self) -> None:
        key, asked = self._key(), self._approval()
        if self.query_one("#approvals").has_focus:
            self._say(approval_told(asked) if asked is not None else Content(NOTHING))
        elif key is not None:
            self._say(key_told(key))

    def _say(self, words: Content) -> None:
        self.query_one("#said", Static).update(words)

    def _key(self) -> KeyRow | None:
        chosen = self.query_one("#vault-keys", RowTable).chosen
        keys = () if self._seen is None else self._seen.keys
        return next((one for one in keys if name_of(one) == chosen), None)

    def _approval(self) -> ApprovalView | None:
        chosen = self.query_one("#approvals", RowTable).chosen
        return next((one for one in self._approvals if one.id == chosen), None)

    async def action_back(self) -> None:
        """Back to the storage."""
        await self.app.run_action("go('storage')")

    # Keys

    def action_rotate(self, which: Literal["root", "use"]) -> None:
        """Replace the root key, or the chosen one."""
        key = self._key() if which == "use" else None
        if which == "use" and (key is None or key.replaced == "root"):
            said = "此密钥不单独更换,按 o 更换根密钥。 It is not replaced by itself: o replaces the root key."
            self.notify(said, markup=False)
            return
        visit = KeyVisit(self.box, self.app.push_screen_wait)
        self.ask("rotate", lambda: visit.rotate(key), KeyReplaced)

    def on_key_replaced(self, message: KeyReplaced) -> None:
        """Say so, and look."""
        message.stop()
        done = message.done
        if done is not None:
            name = (
                "根密钥 root" if done.version is None else f"{inert(done.use, 64)}/{done.version}"
            )
            said = f"✔ {name} {WHEN[done.when]} · 重新封装 wrapped anew {done.rewrapped}"
            self.notify(said, markup=False)
            self._ask(anew=True)

    def action_erase(self) -> None:
        """Destroy something for good, once its name was typed."""
        visit = KeyVisit(self.box, self.app.push_screen_wait)
        self.ask("erase", visit.erase, KeyDestroyed)

    def on_key_destroyed(self, message: KeyDestroyed) -> None:
        """Say what is gone and where the certificate lies, or what was asked for."""
        message.stop()
        done = message.done
        if done is None:
            return
        if done.asked:
            said = f"✔ 已申请 asked: {inert(done.asked, 64)}。请另一位管理员批准。 Another administrator approves it."
        else:
            said = (
                f"✔ 已销毁 destroyed: {inert(done.subject, 80)}\n"
                f"证明 certificate: {inert(done.path, 200)} {inert(done.digest, 80)}"
            )
        self.notify(said, markup=False, timeout=20)
        self._ask(anew=True)

    # Two-person requests

    def action_decide(self, what: Literal["approve", "cancel"]) -> None:
        """Approve or cancel the chosen request."""
        asked = self._approval()
        if asked is None:
            self.notify(NOTHING, markup=False)
            return
        self.ask(
            "decide",
            lambda: self.box.access.approval_does(asked.id, what),
            lambda one: ApprovalDecided(one.id, what),
        )

    def on_approval_decided(self, message: ApprovalDecided) -> None:
        """Say so, and look."""
        message.stop()
        self.notify(f"✔ {inert(message.approval_id, 64)} {DONE[message.did]}", markup=False)
        self._ask(anew=True)

    def on_failed(self, message: Failed) -> None:
        """Say why; who may not see requests sees none."""
        message.stop()
        if self.take_fault(message.fault):
            return
        if message.topic in {"vault-keys", "approvals"}:
            self._say(Content(message.fault.told))
        else:
            self.cry(message.fault.told)
