"""What opens a vault, as a person brings it: a secret, shares one after another, or a key file."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static
from typing_extensions import override

from appliance.contract.access import Unlock
from tui.inert import inert
from tui.stick import FileUnusable, key_files, read_key_file
from tui.widgets.secret import SecretInput

if TYPE_CHECKING:
    from textual.worker import Worker

Work = Callable[[], Coroutine[None, None, None]]
Way = Literal["typed", "shares", "file"]
WAYS: Final[dict[Way, tuple[str, str]]] = {
    "typed": ("口令/恢复密钥 Typed", ""),
    "shares": ("多人份额 Shares", "shares"),
    "file": ("密钥文件 Key file", "keyfile"),
}
_UNFIT: Final = (
    "这不可能是密文:1 到 1024 个字符。 This cannot be a secret: it has 1 to 1024 characters."
)
TOO_FEW: Final = "secure.shares-too-few"
_KEPT: Final = {TOO_FEW, "client.unreachable", "client.silent"}
_LAST: Final = {"secure.share-mistyped", "secure.shares-unfit"}


class Unready(Exception):
    """Nothing can be sent yet; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the fields: a secret, all shares so far, or a key file's path with its passphrase."""

    secret: str = field(default="", repr=False)
    shares: tuple[str, ...] = field(default=(), repr=False)
    path: str = ""

    async def offer(self) -> Unlock:
        """What the box is asked with; a key file is read here.

        Raises:
            Unready: it cannot be read, or what was typed cannot be a secret.
        """
        if not self.path:
            return _unlock(secret=self.secret or None, shares=self.shares)
        try:
            content = await asyncio.to_thread(read_key_file, Path(self.path))
        except FileUnusable as error:
            raise Unready(inert(error, 300)) from error
        return _unlock(secret=self.secret, key_file=content)

    def kept(self, code: str) -> "Entered":
        """What need not be entered again after a refusal: shares, of which only the last can be wrong."""
        if code in _LAST:
            return Entered(shares=self.shares[:-1])
        return Entered(shares=self.shares if code in _KEPT else (), path=self.path)


def _unlock(**brought: object) -> Unlock:
    try:
        return Unlock.model_validate(brought)
    except ValidationError:
        # Its own words would show what was typed.
        raise Unready(_UNFIT) from None


class Opening(Vertical):
    """The fields of one way at a time; the shares that were entered stay until they open or are dropped."""

    DEFAULT_CSS: ClassVar[str] = """
    Opening { height: auto; }
    Opening Vertical { height: auto; }
    Opening Horizontal { height: 1; }
    Opening .ways { margin-bottom: 1; }
    Opening .ways Button { min-width: 8; margin-right: 1; }
    Opening #way-shares, Opening #way-file { display: none; }
    """

    def __init__(self, before: Entered | None = None) -> None:
        super().__init__()
        self._before = before or Entered()
        self.way: Way = "typed"

    @override
    def compose(self) -> ComposeResult:
        with Horizontal(classes="ways"):
            for way, (words, _) in WAYS.items():
                yield Button(words, id=f"by-{way}", compact=True)
            yield Button("显示 Show", id="show", compact=True)
        with Vertical(id="way-typed"):
            yield SecretInput("口令或恢复密钥 passphrase or recovery key", "secret")
        with Vertical(id="way-shares"):
            yield Static(id="counted", markup=False)
            yield SecretInput("份额 a share: 16 组 groups", "share")
        with Vertical(id="way-file"):
            yield Input(placeholder="密钥文件 path of the key file", id="key-file", max_length=1024)
            yield SecretInput("其口令 its passphrase", "words")

    def on_mount(self) -> None:
        """Begin with what everybody has, or where it was left."""
        self.offer(())
        if self._before.path:
            self.query_one("#key-file", Input).value = self._before.path
        if self._before.shares or self._before.path:
            self.turn("shares" if self._before.shares else "file")

    def offer(self, kinds: Sequence[str]) -> None:
        """Offer the ways that this vault has; typing is always there."""
        for way, (_, kind) in WAYS.items():
            self.query_one(f"#by-{way}").display = not kind or kind in kinds
        self.query_one(".ways").display = bool(set(kinds) & {"shares", "keyfile"})

    def focus_field(self) -> None:
        """Go to the field that is next."""
        fields = {"typed": "#secret", "shares": "#share", "file": "#key-file"}
        if self.way == "file" and self.query_one("#key-file", Input).value:
            fields["file"] = "#words"
        self.query_one(fields[self.way]).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Turn to another way, or show what is typed; other buttons are somebody else's."""
        told = event.button.id or ""
        if told == "show":
            event.stop()
            for one in self.query(SecretInput):
                one.password = not one.password
            return
        for way in WAYS:
            if told == f"by-{way}":
                event.stop()
                self.turn(way)

    def turn(self, way: Way) -> None:
        """Show the fields of a way."""
        self.way = way
        for one in WAYS:
            self.query_one(f"#way-{one}").display = one == way
            self.query_one(f"#by-{one}", Button).variant = "primary" if one == way else "default"
        self._count()
        if way == "file" and not self.query_one("#key-file", Input).value:
            look: Work = self._look_for_sticks
            _: Worker[None] = self.run_worker(look, group="sticks", exclusive=True)
        self.focus_field()

    async def _look_for_sticks(self) -> None:
        found = await asyncio.to_thread(key_files)
        field = self.query_one("#key-file", Input)
        if found and not field.value:
            field.value = str(found[0])

    def take(self) -> Entered:
        """What was entered; the fields of secrets are emptied.

        Raises:
            Unready: something is missing.
        """
        if self.way == "shares":
            return self._take_share()
        if self.way == "file":
            return self._take_file()
        secret = self.query_one("#secret", SecretInput).take()
        if not secret:
            raise Unready(
                "请先输入口令或恢复密钥。 Enter the passphrase or the recovery key first."
            )
        return Entered(secret)

    def _take_share(self) -> Entered:
        share = self.query_one("#share", SecretInput).take()
        shares = (*self._before.shares, share) if share else self._before.shares
        if not shares:
            raise Unready("请先输入一份份额。 Enter a share first.")
        return Entered(shares=shares)

    def _take_file(self) -> Entered:
        path = self.query_one("#key-file", Input).value.strip()
        if not path or "\0" in path:
            raise Unready("请输入密钥文件的路径。 Name the key file.")
        words = self.query_one("#words", SecretInput).take()
        if not words:
            self.query_one("#words").focus()
            raise Unready("请输入密钥文件的口令。 Enter the passphrase of the key file.")
        return Entered(words, path=path)

    def begin(self, before: Entered) -> None:
        """Go on with what is kept."""
        self._before = before
        self._count()
        self.focus_field()

    def forget(self) -> None:
        """Drop what was entered."""
        self._before = Entered()
        for one in self.query(SecretInput):
            one.value = ""
        self._count()

    def _count(self) -> None:
        count = len(self._before.shares)
        told = f"已收 {count} 份,请输入下一份 {count} entered; the next one:"
        self.query_one("#counted", Static).update(told)
