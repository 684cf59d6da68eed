"""A new way to open the vault: its kind, what that kind needs, and its secrets shown once."""

from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Select
from typing_extensions import override

from appliance.contract.access import Unlock
from appliance.contract.slots import SlotWish
from tui.dialogs.form import FormDialog, Unclear, label
from tui.dialogs.once import OnceDialog
from tui.inert import inert
from tui.widgets.secret import SecretInput

NEW: Final = {
    "recovery": "恢复密钥:写在纸上 recovery key, for paper",
    "passphrase": "口令 passphrase",
    "shares": "多人份额:n 人中任意 k 人 shares of officers",
    "keyfile": "密钥文件:U 盘加口令 key file on a stick",
    "tpm": "TPM:启动未变则自动开启 opens by itself",
    "network": "网络密钥服务器 key server (Tang)",
}
_PARTS: Final = {
    "passphrase": "words",
    "keyfile": "words",
    "shares": "officers",
    "tpm": "pcrs",
    "network": "server",
}
_NOBODY: Final = Unlock()
_ROW: Final = 4


@dataclass(frozen=True, slots=True)
class NewSlot:
    """What shall be added, without what opens the vault now; `path` is for a key file."""

    wish: SlotWish
    path: str = ""


class NewSlotDialog(FormDialog[NewSlot]):
    """Answers with a wish, or None."""

    DO: ClassVar[str] = "继续 Go on"

    def __init__(self, said: str = "") -> None:
        super().__init__()
        self._said = said

    @property
    @override
    def heading(self) -> str:
        return "新的开启方式 New slot"

    @override
    def compose_fields(self) -> ComposeResult:
        options = [(words, kind) for kind, words in NEW.items()]
        yield Select(options, value="recovery", allow_blank=False, id="kind", compact=True)
        yield Input(placeholder="名称 label", id="label", compact=True, max_length=64)
        with Vertical(id="part-words", classes="part"):
            yield label(
                "新口令,至少 12 个字符,输入两次 a new passphrase of 12 signs or more, twice"
            )
            yield SecretInput("", "new")
            yield SecretInput("", "again")
            yield Input(
                "wardbox.key", placeholder="密钥文件写到 its file", id="path", max_length=1024
            )
        with Vertical(id="part-officers", classes="part"):
            yield label("需要几份 how many open")
            yield Input("2", id="needed", compact=True, restrict=r"[0-9]{0,2}")
            yield label("持有人,以空格或顿号分开 their holders' names")
            yield Input(id="holders", compact=True, max_length=1100)
        with Vertical(id="part-pcrs", classes="part"):
            yield label("封装到哪些 PCR sealed to these PCRs")
            yield Input("7", id="pcrs", compact=True, restrict=r"[0-9, ]{0,80}")
        with Vertical(id="part-server", classes="part"):
            yield label("地址与签名密钥指纹 address and thumbprint (tang-show-keys)")
            yield Input("http://", id="url", compact=True, max_length=200)
            yield Input(placeholder="thumbprint", id="thumbprint", compact=True, max_length=64)

    def on_mount(self) -> None:
        """Say why it is asked again."""
        self.say(self._said)
        self._turn("recovery")

    def on_select_changed(self, event: Select.Changed) -> None:
        """Show what this kind needs."""
        event.stop()
        self._turn(str(event.value))

    def _turn(self, kind: str) -> None:
        for part in self.query(".part"):
            part.display = part.id == f"part-{_PARTS.get(kind)}"
        self.query_one("#path").display = kind == "keyfile"

    @override
    def answer(self) -> NewSlot:
        kind = str(self.query_one("#kind", Select).value)
        told: dict[str, object] = {
            "kind": kind,
            "present": _NOBODY,
            "label": self.typed("label"),
            **self._particulars(kind),
        }
        try:
            wish = SlotWish.model_validate(told)
        except ValidationError as error:
            issue = error.errors()[0]
            field = ".".join(map(str, issue["loc"]))
            raise Unclear(f"{field}: 不合要求 {inert(issue['msg'], 120)}") from error
        return NewSlot(wish, self.typed("path") if kind == "keyfile" else "")

    def _particulars(self, kind: str) -> dict[str, object]:
        part = _PARTS.get(kind)
        if part == "words":
            return {"passphrase": self._passphrase()}
        if part == "officers":
            names = self.typed("holders").replace("、", " ").replace(",", " ").replace(",", " ")
            return {"needed": int(self.typed("needed") or "0"), "holders": tuple(names.split())}
        if part == "pcrs":
            return {"pcrs": tuple(map(int, self.typed("pcrs").replace(",", " ").split()))}
        if part == "server":
            return {"url": self.typed("url"), "thumbprint": self.typed("thumbprint")}
        return {}

    def _passphrase(self) -> str:
        new = self.query_one("#new", SecretInput).take()
        again = self.query_one("#again", SecretInput).take()
        self.query_one("#new").focus()
        if not new:
            raise Unclear("请输入新口令。 Enter a new passphrase.")
        if new != again:
            raise Unclear("两次输入不同,请重输。 The two differ: enter both again.")
        return new


def in_rows(text: str) -> str:
    """Groups in rows of four, each row led by the number of its first group."""
    groups = inert(text, 400).split("-")
    return "\n".join(
        f"{at + 1:>3}  {'-'.join(groups[at : at + _ROW])}" for at in range(0, len(groups), _ROW)
    )


class RecoveryKeyDialog(OnceDialog):
    """A new recovery key, once."""

    def __init__(self, key: str) -> None:
        super().__init__(
            "恢复密钥 Recovery key",
            "请抄写或打印并锁好,此后不再显示;行首是该行第一组的编号。\n"
            "Copy it to paper and lock it away: it is never shown again. Rows begin with their first group's number.",
            in_rows(key),
        )


class ShareDialog(OnceDialog):
    """One officer's share, once."""

    def __init__(self, holder: str, text: str, place: str) -> None:
        super().__init__(
            f"份额 Share {place} · {inert(holder, 40)}",
            "请持有人本人抄写,其他人回避;此后不再显示。\n"
            "Its holder copies it, nobody else looks: it is never shown again.",
            in_rows(text),
        )


class KeyFileDialog(OnceDialog):
    """A key file that could not be written, once."""

    def __init__(self, why: str, content: str) -> None:
        super().__init__(
            "密钥文件 Key file",
            f"{inert(why, 300)}\n请把以下两行原样存成文件。 Save these two lines as a file.",
            "\n".join(inert(line, 200) for line in content.split("\n")[:2]),
        )
