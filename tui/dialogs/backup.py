"""Where backups shall go: a folder, a disk, or a server inside the hospital."""

from typing import ClassVar, Final

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.widgets import Input, Select
from typing_extensions import override

from appliance.contract.backup import BackupTargetWish
from tui.dialogs.form import FormDialog, Unclear, label
from tui.inert import inert

KINDS: Final = (
    ("目录 directory", "directory"),
    ("USB 磁盘 disk", "disk"),
    ("SFTP 服务器 server", "sftp"),
)


class NewTargetDialog(FormDialog[BackupTargetWish]):
    """Answers with a wish, or None."""

    DO: ClassVar[str] = "添加 Add"

    def __init__(self, before: BackupTargetWish | None = None, said: str = "") -> None:
        super().__init__()
        self._before = before
        self._said = said

    def on_mount(self) -> None:
        """Say why it is asked again."""
        self.say(self._said)

    @property
    @override
    def heading(self) -> str:
        return "新的备份目标 New backup target"

    @override
    def compose_fields(self) -> ComposeResult:
        before = self._before
        name, place = (before.name, before.place) if before else ("", "")
        kind, host_key = (before.kind, before.host_key) if before else ("disk", "")
        yield Input(name, placeholder="名称 name", id="name", compact=True, max_length=64)
        yield Select(KINDS, value=kind, allow_blank=False, id="kind", compact=True)
        yield label(
            "一体机上的目录,或 用户@主机:端口/路径 a folder of the box, or user@host:port/path"
        )
        yield Input(place, id="place", compact=True, max_length=1024)
        yield label("SFTP 服务器公钥,请当面核对 the server's public key; compare it in person")
        yield Input(
            host_key,
            placeholder="ssh-ed25519 AAAA…",
            id="host-key",
            compact=True,
            max_length=4096,
        )

    @override
    def answer(self) -> BackupTargetWish:
        told = {
            "name": self.typed("name"),
            "kind": self.query_one("#kind", Select).value,
            "place": self.typed("place"),
            "host_key": self.typed("host-key"),
        }
        try:
            return BackupTargetWish.model_validate(told)
        except ValidationError as error:
            issue = error.errors()[0]
            field = ".".join(map(str, issue["loc"]))
            raise Unclear(f"{field}: 不合要求 {inert(issue['msg'], 120)}") from error
