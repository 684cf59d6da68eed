"""Destroying for good: what, where its certificate goes, and the name typed once more."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from textual.app import ComposeResult
from textual.widgets import Input, Select, Static
from typing_extensions import override

from tui.dialogs.form import FormDialog, Unclear, label
from tui.dialogs.once import OnceDialog
from tui.inert import inert, inert_lines

Kind = Literal["dataset", "patient", "box"]
KINDS: Final[dict[Kind, str]] = {
    "patient": "一位患者的正文 one patient's bodies",
    "dataset": "一个文件或数据集 one file or data set",
    "box": "整台设备 the whole box",
}
LOST: Final[dict[Kind, str]] = {
    "patient": "这位患者在审计日志中的正文将无人能读;日志本身仍可核验。\n"
    "Nobody will read this patient's bodies of the record; the log itself goes on verifying.",
    "dataset": "该文件(数据集)将无人能读,用它的任务也不能续做。\n"
    "Nobody will read this file or data set; jobs on it cannot go on.",
    "box": "本机的一切将无人能读:数据库、审计日志、模型、文件;只能清空后重新安装。\n"
    "Nobody will read anything of this box: databases, log, models, files. It must be installed anew.",
}
REMAINS: Final = (
    "不受影响:此前的备份与磁盘副本、已读出或导出的内容、用其训练的模型。\n"
    "Not reached: backups and copies made before, what was read or exported, models trained on it."
)


@dataclass(frozen=True, slots=True)
class Doom:
    """What shall be destroyed, where the certificate goes, and the approval where there is one."""

    kind: Kind = "patient"
    subject: str = ""
    path: str = ""
    approval: str = ""


class EraseDialog(FormDialog[Doom]):
    """Answers with what to destroy, or None. Nothing is destroyed by it.

    Args:
        before: what was entered before and is kept.
        said: why it is asked again.
    """

    DO: ClassVar[str] = "继续 Go on"

    def __init__(self, before: Doom | None = None, said: str = "") -> None:
        super().__init__()
        self._before = before or Doom()
        self._said = said

    @property
    @override
    def heading(self) -> str:
        return "永久销毁 Destroy for good"

    @override
    def compose_fields(self) -> ComposeResult:
        before = self._before
        options = [(words, kind) for kind, words in KINDS.items()]
        yield Select(options, value=before.kind, allow_blank=False, id="kind", compact=True)
        yield label(
            "患者编号,或文件编号(留空则列出) the patient's id; the file's, or empty for a list"
        )
        yield Input(before.subject, id="subject", compact=True, max_length=200)
        yield label("销毁证明写到(新文件,本控制台所在机器) a new file for the certificate, here")
        yield Input(before.path or "destroyed.cert", id="path", compact=True, max_length=1024)
        yield label("双人批准编号;没有则留空 id of the approval, where there is one")
        yield Input(before.approval, id="approval", compact=True, max_length=64)

    def on_mount(self) -> None:
        """Say why it is asked again."""
        self.say(self._said)
        self._turn(self._before.kind)

    def on_select_changed(self, event: Select.Changed) -> None:
        """A whole box needs no name here."""
        event.stop()
        self._turn(str(event.value))

    def _turn(self, kind: str) -> None:
        self.query_one("#subject", Input).disabled = kind == "box"

    @override
    def answer(self) -> Doom:
        chosen = str(self.query_one("#kind", Select).value)
        kind: Kind = next(one for one in KINDS if one == chosen)
        subject = "" if kind == "box" else self.query_one("#subject", Input).value
        if kind == "patient" and not subject.strip():
            raise Unclear("请写出要销毁的名称。 Say what is to be destroyed.")
        if not self.typed("path"):
            raise Unclear("请给出证明的文件名。 Name a file for the certificate.")
        return Doom(kind, subject, self.typed("path"), self.typed("approval"))


class TypedDialog(FormDialog[str]):
    """Answers with the name once it was typed exactly; that is the last step before it is gone.

    Args:
        doom: what.
        name: what has to be typed.
    """

    DO: ClassVar[str] = "永久销毁 Destroy"

    def __init__(self, doom: Doom, name: str) -> None:
        super().__init__()
        self._doom = doom
        self._name = name

    @property
    @override
    def heading(self) -> str:
        return "无法恢复 There is no way back"

    @override
    def compose_fields(self) -> ComposeResult:
        yield Static(LOST[self._doom.kind], markup=False)
        yield Static(REMAINS, classes="label", markup=False)
        told = "设备编号 the box's id" if self._doom.kind == "box" else "名称 its name"
        yield label(f"请完整输入{told} type it in full: {inert(self._name, 200)}")
        yield Input(id="typed", compact=True, max_length=200)

    @override
    def answer(self) -> str:
        if self.query_one("#typed", Input).value != self._name:
            raise Unclear("与名称不一致,什么也没有销毁。 It differs; nothing was destroyed.")
        return self._name


class CertificateDialog(OnceDialog):
    """A certificate whose file failed; it must not be lost, for the keys are gone."""

    def __init__(self, why: str, certificate: str) -> None:
        super().__init__(
            "销毁证明 Certificate of destruction",
            f"✖ {inert(why, 300)}\n已经销毁,但证明未能写入:请原样保存。\n"
            "It is destroyed, but the certificate could not be written: save it as it stands.",
            inert_lines(certificate, 8000),
        )
