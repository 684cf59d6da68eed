"""What a person is asked at the door beyond name and password: codes, a new password, enrolment."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Button, Input, Static
from typing_extensions import override

from appliance.contract.people import RecoveryCodes, TotpBegun
from tui.dialogs.form import FormDialog, Unclear, label
from tui.dialogs.once import OnceDialog
from tui.inert import inert
from tui.widgets.secret import SecretInput

CODE_LONGEST = 64


class _Asking(FormDialog[str]):
    def __init__(self, said: str = "") -> None:
        super().__init__()
        self._said = said

    def on_mount(self) -> None:
        """Say why it is asked again."""
        self.say(self._said)


class CodeDialog(_Asking):
    """Answers with a one-time code or a recovery code."""

    DO: ClassVar[str] = "登录 Sign in"

    @property
    @override
    def heading(self) -> str:
        return "动态口令 One-time code"

    @override
    def compose_fields(self) -> ComposeResult:
        yield label(
            "验证器上的 6 位数字,或一个恢复码 the 6 digits of the authenticator, or a recovery code"
        )
        yield Input(id="code", compact=True, max_length=CODE_LONGEST)

    @override
    def answer(self) -> str:
        return _code(self.typed("code"))


class NewPasswordDialog(_Asking):
    """Answers with a new password, entered twice."""

    DO: ClassVar[str] = "更换 Change"

    @property
    @override
    def heading(self) -> str:
        return "须先更换密码 A new password is due"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(
            "密码已到期或为临时密码。 The password is too old or was a temporary one.", markup=False
        )
        yield label("新密码 new password")
        yield SecretInput("", "new")
        yield label("再输一次 once more")
        yield SecretInput("", "again")

    @override
    def answer(self) -> str:
        new = self.query_one("#new", SecretInput).take()
        again = self.query_one("#again", SecretInput).take()
        self.query_one("#new").focus()
        if not new:
            raise Unclear("请输入新密码。 Enter a new password.")
        if new != again:
            raise Unclear("两次输入不同,请重输。 The two differ: enter both again.")
        return new


class EnrolDialog(_Asking):
    """Shows the secret of an authenticator once; answers with its first code."""

    DO: ClassVar[str] = "确认 Confirm"

    def __init__(self, begun: TotpBegun, said: str = "") -> None:
        super().__init__(said)
        self._begun = begun

    @property
    @override
    def heading(self) -> str:
        return "绑定动态口令 Set up one-time codes"

    @override
    def compose_fields(self) -> ComposeResult:
        secret = inert(self._begun.secret, 128)
        grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        yield Static(
            "您的角色要求动态口令。在验证器应用中手动添加此密钥,此后不再显示:\n"
            "Your role demands one-time codes. Enter this secret in an authenticator app;"
            " it is never shown again:",
            markup=False,
        )
        yield Static(grouped, id="once", classes="head", markup=False)
        yield label("或以链接添加 or by its address")
        yield Static(inert(self._begun.uri, 400), id="uri", markup=False)
        yield label("应用显示的 6 位数字 the 6 digits that the app shows")
        yield Input(id="code", compact=True, max_length=CODE_LONGEST)

    def on_show(self) -> None:
        """What is asked for is the code."""
        self.query_one("#code").focus()

    @override
    def answer(self) -> str:
        return _code(self.typed("code"))


class ProviderDialog(_Asking):
    """Shows where to sign in with a browser; answers with the one-time code that it shows then."""

    DO: ClassVar[str] = "登录 Sign in"

    def __init__(self, url: str, said: str = "") -> None:
        super().__init__(said)
        self._url = inert(url, 4096)

    @property
    @override
    def heading(self) -> str:
        return "统一身份登录 Sign in at the identity provider"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(
            "请在浏览器中打开此地址并登录,十分钟内有效:\n"
            "Open this address in a browser and sign in there within ten minutes:",
            markup=False,
        )
        yield Static(self._url, id="uri", classes="head", markup=False)
        yield Button("复制地址 Copy the address", id="copy", compact=True)
        yield label("浏览器随后显示的一次性代码 the one-time code that the browser shows then")
        yield Input(id="code", compact=True, max_length=CODE_LONGEST)

    def on_show(self) -> None:
        """What is asked for is the code."""
        self.query_one("#code").focus()

    @override
    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Copy, in the terminal's own way, which not every terminal knows."""
        if event.button.id != "copy":
            return  # Textual hands it on to the form itself
        event.prevent_default()
        event.stop()
        self.app.copy_to_clipboard(self._url)
        self.notify("已请终端复制。 The terminal was asked to copy it.", markup=False)

    @override
    def answer(self) -> str:
        return _code(self.typed("code"))


class RecoveryCodesDialog(OnceDialog):
    """Shows the recovery codes."""

    def __init__(self, made: RecoveryCodes) -> None:
        super().__init__(
            "恢复码 Recovery codes",
            "验证器丢失时,每个恢复码可登录一次。请立即保存,此后不再显示。\n"
            "Each opens one sign-in when the authenticator is lost. Keep them now.",
            "\n".join(inert(code, CODE_LONGEST) for code in made.codes[:32]),
        )


def _code(typed: str) -> str:
    code = "".join(typed.split())
    if len(code) < 6:  # noqa: PLR2004 (digits of a one-time code)
        raise Unclear("至少 6 位。 At least 6 characters.")
    return code
