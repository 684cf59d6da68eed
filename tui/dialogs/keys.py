"""Making a key, its limits, its secret shown once, and where to write the use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input, Static
from typing_extensions import override

from appliance.contract.access import CreatedKey, KeyLimits, KeyView, KeyWish
from tui.dialogs.form import FormDialog, Unclear, label
from tui.dialogs.once import OnceDialog
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
    yield label("限额;空为不限 limits; empty: none")
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


class NewKeyDialog(FormDialog[KeyWish]):
    """Answers with a wish, or None."""

    DO: ClassVar[str] = "创建 Create"

    @property
    @override
    def heading(self) -> str:
        return "新密钥 New key"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Input(placeholder="名称 name", id="name", compact=True, max_length=64)
        yield label("权限 scopes")
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

    @override
    def answer(self) -> KeyWish:
        days = self.typed("days")
        models = tuple(self.typed("models").replace(",", " ").split())
        now = datetime.now(UTC)  # noqa: TID251  # the person's own clock
        told = {
            "name": self.typed("name"),
            "scopes": tuple(self.typed("scopes").replace(",", " ").split()),
            "models": models or None,
            "expires": now + timedelta(days=int(days)) if days else None,
            **_limits(self),
        }
        try:
            return KeyWish.model_validate(told)
        except ValidationError as error:
            issue = error.errors()[0]
            field = ".".join(map(str, issue["loc"]))
            raise Unclear(f"{field}: 不合要求 {inert(issue['msg'], 120)}") from error


class LimitsDialog(FormDialog[KeyLimits]):
    """Answers with the new limits of a key, or None."""

    DO: ClassVar[str] = "设定 Set"

    def __init__(self, key: KeyView) -> None:
        super().__init__()
        self._key = key

    @property
    @override
    def heading(self) -> str:
        return f"限额 Limits · {inert(self._key.name, 40)}"

    @override
    def compose_fields(self) -> ComposeResult:
        yield from _limit_fields(self._key)

    @override
    def answer(self) -> KeyLimits:
        try:
            return KeyLimits.model_validate(_limits(self))
        except ValidationError as error:
            raise Unclear(inert(error.errors()[0]["msg"], 120)) from error


class SecretDialog(OnceDialog):
    """The secret of a new key."""

    def __init__(self, made: CreatedKey) -> None:
        super().__init__(
            f"密钥 Key · {inert(made.name, 40)}",
            "请立即保存,此后不再显示。 Keep it now: it is never shown again.",
            inert(made.secret, 200),
        )


class UsageFileDialog(FormDialog[Path]):
    """Where on this machine the rows of use shall lie."""

    DO: ClassVar[str] = "导出 Export"

    @property
    @override
    def heading(self) -> str:
        return "导出用量 Export use"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(
            "导出本月逐小时用量(CSV)到控制台所在机器;已有文件不会被覆盖。\n"
            "This month's use by hour, as CSV, on the console's own machine; no file is replaced.",
            markup=False,
        )
        yield Input("usage.csv", id="path", compact=True, max_length=1024)

    @override
    def answer(self) -> Path:
        typed = self.typed("path")
        if not typed or "\0" in typed:
            raise Unclear("请输入文件名。 Name a file.")
        return Path(typed).expanduser()
