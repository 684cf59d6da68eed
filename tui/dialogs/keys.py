"""Making a key, its limits, its secret shown once, and where to write the use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Input, Static
from typing_extensions import override

from appliance.contract.access import CreatedKey, KeyLimits, KeyView, KeyWish
from tui.inert import inert

LIMITS: Final = (
    ("requests_per_minute", "请求/分 requests per minute"),
    ("tokens_per_minute", "词元/分 tokens per minute"),
    ("requests_per_day", "请求/日 requests per day"),
    ("tokens_per_day", "词元/日 tokens per day"),
    ("requests_per_month", "请求/月 requests per month"),
    ("tokens_per_month", "词元/月 tokens per month"),
)


def _limit_fields(held: KeyLimits | None) -> ComposeResult:
    yield Static("限额;空为不限 limits; empty: none", classes="label", markup=False)
    for name, told in LIMITS:
        value = getattr(held, name) if held is not None else None
        yield Input(
            "" if value is None else str(value),
            placeholder=told,
            id=name.replace("_", "-"),
            compact=True,
            restrict=r"[0-9]{0,13}",
        )


def _limits(screen: Screen[Any]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name, _ in LIMITS:
        typed = screen.query_one(f"#{name.replace('_', '-')}", Input).value
        found[name] = int(typed) if typed else None
    return found


def _foot(word: str) -> ComposeResult:
    yield Static("", classes="issue", markup=False)
    with Horizontal(classes="row"):
        yield Button(word, id="do", variant="primary", compact=True)
        yield Button("取消 Cancel", id="leave", compact=True)


class NewKeyDialog(ModalScreen[KeyWish | None]):
    """Answers with a wish, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            yield Input(placeholder="名称 name", id="name", compact=True, max_length=64)
            yield Static("权限 scopes", classes="label", markup=False)
            yield Input("chat", id="scopes", compact=True, max_length=400)
            yield Input(
                placeholder="可用模型;空为全部 models; empty: all",
                id="models",
                compact=True,
                max_length=2000,
            )
            yield Input(
                placeholder="有效天数;空为不限 days; empty: for ever",
                id="days",
                compact=True,
                restrict=r"[0-9]{0,4}",
            )
            yield from _limit_fields(None)
            yield from _foot("创建 Create")
        box.border_title = "新密钥 New key"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter makes it."""
        event.stop()
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Make it or leave."""
        event.stop()
        if event.button.id == "do":
            self._answer()
        else:
            _ = self.dismiss(None)

    def _answer(self) -> None:
        days = self._typed("days")
        models = tuple(self._typed("models").replace(",", " ").split())
        now = datetime.now(UTC)  # noqa: TID251  # the person's own clock
        told = {
            "name": self._typed("name"),
            "scopes": tuple(self._typed("scopes").replace(",", " ").split()),
            "models": models or None,
            "expires": now + timedelta(days=int(days)) if days else None,
            **_limits(self),
        }
        try:
            _ = self.dismiss(KeyWish.model_validate(told))
        except ValidationError as error:
            issue = error.errors()[0]
            field = ".".join(map(str, issue["loc"]))
            said = f"✖ {field}: 不合要求 {inert(issue['msg'], 120)}"
            self.query_one(".issue", Static).update(said)

    def _typed(self, which: str) -> str:
        return self.query_one(f"#{which}", Input).value.strip()


class LimitsDialog(ModalScreen[KeyLimits | None]):
    """Answers with the new limits of a key, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    def __init__(self, key: KeyView) -> None:
        super().__init__()
        self._key = key

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            yield from _limit_fields(self._key)
            yield from _foot("设定 Set")
        box.border_title = f"限额 Limits · {inert(self._key.name, 40)}"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter sets them."""
        event.stop()
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Set them or leave."""
        event.stop()
        if event.button.id == "do":
            self._answer()
        else:
            _ = self.dismiss(None)

    def _answer(self) -> None:
        try:
            _ = self.dismiss(KeyLimits.model_validate(_limits(self)))
        except ValidationError as error:
            said = f"✖ {inert(error.errors()[0]['msg'], 120)}"
            self.query_one(".issue", Static).update(said)


class SecretDialog(ModalScreen[None]):
    """The secret of a new key; it is in the box's answer and nowhere else."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "关闭 close")]

    def __init__(self, made: CreatedKey) -> None:
        super().__init__()
        self._made = made

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            yield Static(
                "请立即保存,此后不再显示。 Keep it now: it is never shown again.", markup=False
            )
            yield Static(inert(self._made.secret, 200), id="once", classes="head", markup=False)
            with Horizontal(classes="row"):
                yield Button("已保存 Kept", id="kept", variant="primary", compact=True)
        box.border_title = f"密钥 Key · {inert(self._made.name, 40)}"

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """It is kept."""
        event.stop()
        _ = self.dismiss(None)


class UsageFileDialog(ModalScreen[Path | None]):
    """Where on this machine the rows of use shall lie."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            yield Static(
                "导出本月逐小时用量(CSV)到控制台所在机器;已有文件不会被覆盖。\n"
                "This month's use by hour, as CSV, on the console's own machine; no file is replaced.",
                markup=False,
            )
            yield Input("usage.csv", id="path", compact=True, max_length=1024)
            yield from _foot("导出 Export")
        box.border_title = "导出用量 Export use"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter exports."""
        event.stop()
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Export or leave."""
        event.stop()
        if event.button.id == "do":
            self._answer()
        else:
            _ = self.dismiss(None)

    def _answer(self) -> None:
        typed = self.query_one("#path", Input).value.strip()
        if not typed or "\0" in typed:
            self.query_one(".issue", Static).update("✖ 请输入文件名。 Name a file.")
            return
        _ = self.dismiss(Path(typed).expanduser())
