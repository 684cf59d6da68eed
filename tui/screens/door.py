"""The door of an open box: how it is, signing in and out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.containers import Center, Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from typing_extensions import override

from tui import theme
from tui.entrance import Entrance
from tui.inert import inert
from tui.line import LOCAL_PERSON, Line
from tui.messages import Entered, Failed, OfferHeard, SignedIn, SignedOut
from tui.screens.boxscreen import BoxScreen
from tui.widgets.banner import Banner
from tui.widgets.secret import SecretInput

if TYPE_CHECKING:
    from appliance.contract.signin import SignInOffer

STATES = {
    "ok": "一体机已就绪。 The box is ready.",
    "locked": "保险库已锁定。 The vault is locked.",
    "starting": "服务正在启动,请稍候。 The service is starting; wait a moment.",
    "degraded": "一体机可用,但有部件未就绪,详见总览。 The box works, but a part is not ready: see the overview.",
}
UNKNOWN = "正在询问一体机… Asking the box…"
LEFT = "未登录:已取消。 Not signed in: it was left."
NOBODY = "连接不上一体机。 The box cannot be reached."


class DoorScreen(BoxScreen):
    """Who wants to come in; a locked box is unlocked first, on a screen of its own."""

    TITLE_ZH, TITLE_EN = "门禁", "Door"

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._offer: SignInOffer | None = None

    @override
    def compose_body(self) -> Iterator[Widget]:
        with Center(), VerticalScroll(id="door", can_focus=False):
            yield Static(id="state", markup=False)
            with VerticalScroll(id="entering", can_focus=False):
                yield Button(
                    "以本机管理员继续 Continue as local administrator",
                    id="local",
                    variant="primary",
                    compact=True,
                )
                yield Static(
                    "或以本人姓名登录,审计记录会写上姓名:\nor sign in, so that the audit log names you:",
                    classes="hint",
                )
                yield Input(placeholder="姓名 name", id="name", max_length=64)
                yield SecretInput("密码 password", "password")
                with Horizontal(classes="row"):
                    yield Button("登录 Sign in", id="sign-in", compact=True)
                    yield Button("以目录账号登录 by the directory", id="directory", compact=True)
                    yield Button("退出登录 Sign out", id="sign-out", compact=True)
                yield Button(
                    "以统一身份登录(浏览器)at the identity provider, by a browser",
                    id="provider",
                    compact=True,
                )
            yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        """Say what is known."""
        self.show_line()

    @override
    def show_line(self) -> None:
        super().show_line()
        if self.line.fault is None:
            self.query_one(Banner).display = False  # what is locked, the door says itself
        health, fault = self.line.health, self.line.fault
        nobody = fault is not None and fault.unreachable
        open_ = not nobody and health is not None and health.vault == "unlocked"
        self.query_one("#state", Static).update(self._state(nobody=nobody))
        self._reveal("#entering", shown=open_, first="#local" if self.line.local else "#name")
        self.query_one("#local").display = self.line.local
        self._show_offer(open_=open_)
        self.query_one("#sign-out").display = self.line.person not in {None, LOCAL_PERSON}

    @override
    def on_screen_resume(self) -> None:
        self._offer = None  # whoever comes back learns anew what the box offers by now
        super().on_screen_resume()

    def _show_offer(self, *, open_: bool) -> None:
        """Offer the outside ways that are set up; a box that is not open offers none."""
        if not open_:
            self._offer = None
        elif self._offer is None and self.is_current:
            self.ask("offer", self.box.outside.offered, OfferHeard, patience_s=5)
            return  # what was known stays until it is answered
        offer = self._offer
        self.query_one("#directory").display = offer is not None and offer.directory
        self.query_one("#provider").display = offer is not None and offer.oidc

    def on_offer_heard(self, message: OfferHeard) -> None:
        """Show the ways that work."""
        message.stop()
        self._offer = message.offer
        self.show_line()

    def _state(self, *, nobody: bool) -> Content:
        if nobody:
            return Content.assemble(theme.UNREACHABLE.content(), "\n", NOBODY)
        health = self.line.health
        if health is None:
            return Content(UNKNOWN)
        return Content.assemble(
            theme.HEALTH[health.status].content(),
            (f"   WardBox {inert(health.version, 20)}\n", "$text-muted"),
            STATES[health.status],
        )

    def _reveal(self, which: str, *, shown: bool, first: str) -> None:
        part = self.query_one(which)
        if part.display != shown or (shown and self.focused is None):
            part.display = shown
            if shown:
                self.query_one(first).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what was asked for."""
        event.stop()
        match event.button.id:
            case "sign-in" | "directory" as way:
                self._sign_in(directory=way == "directory")
            case "provider":
                self._go_to_provider()
            case "sign-out":
                self.ask("sign-in", self.box.sign_out, lambda _: SignedOut())
            case _:
                self.post_message(Entered(LOCAL_PERSON))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, or sends."""
        event.stop()
        match event.input.id:
            case "name":
                self.query_one("#password").focus()
            case _:
                self._sign_in()

    def _sign_in(self, *, directory: bool = False) -> None:
        name = self.query_one("#name", Input).value.strip()
        password = self.query_one("#password", SecretInput).take()
        if not name or not password:
            self._say("请输入姓名和密码。 Enter name and password.")
            return
        entrance = Entrance(self.box, self.app.push_screen_wait, name, directory)
        if self.ask(
            "sign-in",
            lambda: entrance.come_in(password),
            lambda session: SignedIn(name, session),
            # A refusal is shown a moment before its question has ended; the next try must count.
            anew=True,
        ):
            self._say("正在登录… Signing in…")

    def _go_to_provider(self) -> None:
        entrance = Entrance(self.box, self.app.push_screen_wait)
        if self.ask(
            "sign-in", entrance.come_in_by_provider, lambda came: SignedIn(*came), anew=True
        ):
            self._say("正在登录… Signing in…")

    def on_signed_in(self, message: SignedIn) -> None:
        """A session is open: enter with its name."""
        message.stop()
        self._say("" if message.session else LEFT)
        if message.session is None:
            return
        self.post_message(Entered(f"{inert(message.name, 30)} ({message.session.role})"))

    def on_signed_out(self, message: SignedOut) -> None:
        """The session ended: nobody is in."""
        message.stop()
        self.line.person = None
        self._say("已退出登录。 Signed out.")
        self.show_line()

    def on_failed(self, message: Failed) -> None:
        """Say why it was refused, and what to do."""
        message.stop()
        if message.topic == "offer":
            return  # nobody asked for it: it is tried again at the next beat
        fault = message.fault
        self._say(fault.told)
        if fault.unreachable:
            self.take_fault(fault)

    def _say(self, words: str) -> None:
        self.query_one("#said", Static).update(Content(words))
