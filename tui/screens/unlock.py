"""Unlocking: why the vault did not open by itself, and every way that a person can open it."""

from collections.abc import Iterator

from textual.containers import Center, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from typing_extensions import override

from appliance.contract.access import VaultView
from tui import theme
from tui.inert import inert, inert_lines
from tui.line import Line
from tui.messages import Failed, Unlocked
from tui.messages_storage import OfferUnready, VaultHeard
from tui.screens.boxscreen import BoxScreen
from tui.widgets.banner import Banner
from tui.widgets.opening import TOO_FEW, Entered, Opening, Unready

EVERY_S = 10.0
LOCKED = "一体机只应答健康与解锁。 The box answers health and unlock only."
RESEAL = "解锁后也可在存储屏(F12)按 s 重新封装。 Once unlocked, s on the storage screen (F12) seals it anew too."
NOBODY = "连接不上一体机。 The box cannot be reached."


class UnlockScreen(BoxScreen):
    """The first screen of a locked box."""

    TITLE_ZH, TITLE_EN = "解锁", "Unlock"

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._since: float | None = None
        self._entered = Entered()

    @override
    def compose_body(self) -> Iterator[Widget]:
        with Center(), VerticalScroll(id="unlocking", can_focus=False):
            yield Static(id="state", markup=False)
            with VerticalScroll(id="why", classes="panel") as why:
                yield Static(id="warnings", markup=False)
            why.border_title = "请注意 Please note"
            yield Opening()
            yield Button("解锁 Unlock", id="unlock", variant="primary", compact=True)
            yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        """Count the seconds of a slow unlock; look at the vault now and then."""
        self.query_one("#why").display = False
        self.set_interval(0.5, self._count)
        self.set_interval(EVERY_S, self._ask)

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._ask()
        self.query_one(Opening).focus_field()

    @override
    def show_line(self) -> None:
        super().show_line()
        fault = self.line.fault
        nobody = fault is not None and fault.unreachable
        if fault is None:
            self.query_one(Banner).display = False  # what is locked, this screen says itself
        sign = theme.UNREACHABLE if nobody else theme.VAULT["locked"]
        words = Content.assemble(sign.content(), "\n", NOBODY if nobody else LOCKED)
        self.query_one("#state", Static).update(words)

    def _ask(self) -> None:
        if self.is_current:
            self.ask("vault", self.box.vault, VaultHeard, patience_s=10)

    def on_vault_heard(self, message: VaultHeard) -> None:
        """Offer the ways there are; tell why none opened by itself."""
        message.stop()
        vault = message.vault
        self.query_one(Opening).offer(vault.slots)
        self.query_one("#why").display = bool(vault.warnings)
        self.query_one("#warnings", Static).update(warned(vault))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Send."""
        event.stop()
        self._unlock()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, or sends."""
        event.stop()
        if event.input.id == "key-file":
            self.query_one("#words").focus()
        else:
            self._unlock()

    def _unlock(self) -> None:
        if self.asking("unlock"):
            return
        try:
            entered = self._entered = self.query_one(Opening).take()
        except Unready as error:
            self._say(Content(str(error)))
            return

        async def work() -> VaultView | str:
            try:
                return await self.box.slots.unlock(await entered.offer())
            except Unready as error:
                return str(error)

        self.ask("unlock", work, _answer, patience_s=120)
        self._since = self.line.clock()
        self._count()

    def _count(self) -> None:
        if self._since is not None:
            seconds = int(self.line.clock() - self._since)
            self._say(Content(f"◔ 正在打开保险库… Opening the vault… {seconds} s"))

    def on_offer_unready(self, message: OfferUnready) -> None:
        """Say what is missing."""
        message.stop()
        self._since = None
        self._say(Content(message.sentence))

    async def on_unlocked(self, message: Unlocked) -> None:
        """The vault is open: the door is next."""
        message.stop()
        self._since = None
        self._entered = Entered()
        self.query_one(Opening).forget()
        sign = theme.VAULT[message.vault.state].content()
        self._say(Content.assemble("保险库 vault: ", sign))
        await self.run_action("app.retry")

    def on_failed(self, message: Failed) -> None:
        """Say why it was refused, and what to do; shares that are good stay."""
        message.stop()
        fault = message.fault
        if message.topic == "unlock":
            self._since = None
            self.query_one(Opening).begin(self._entered.kept(fault.code))
            mark, style = ("◑", theme.WARN) if fault.code == TOO_FEW else ("✖", theme.BAD)
            self._say(Content.assemble((f"{mark} {fault.sentence}", style), f"\n→ {fault.way_out}"))
        if fault.unreachable:
            self.take_fault(fault)

    def _say(self, words: Content) -> None:
        self.query_one("#said", Static).update(words)


def _answer(outcome: VaultView | str) -> Unlocked | OfferUnready:
    return OfferUnready(outcome) if isinstance(outcome, str) else Unlocked(outcome)


def warned(vault: VaultView) -> Content:
    """What people should know: which measurement changed, what to do, how to seal anew."""
    parts: list[str | Content | tuple[str, str]] = []
    for one in vault.warnings[:8]:
        first, *lines = inert_lines(one.sentence, 4000).split("\n")
        parts.append((f"▲ {first}\n", theme.WARN))
        parts += [(f"  {line}\n", "") for line in lines[:16]]
        parts.append(f"→ {inert(one.way_out, 600)}\n")
    if parts and "tpm" in vault.slots:
        parts.append((RESEAL, theme.QUIET))
    return Content.assemble(*parts).rstrip()
