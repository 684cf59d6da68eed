"""What to export of the audit log and where to: a folder on the box, or a file where the console runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.widgets import Input, Static
from typing_extensions import override

from appliance.contract.audit import ExportWish
from tui.dialogs.form import FormDialog, Unclear, label
from tui.inert import inert

ONLY = (
    ("since", "自 since: 2026-01-01"),
    ("until", "至 until: 2026-03-31"),
    ("patient", "患者 patient"),
    ("tag", "事件 tag: model:completion*"),
)


@dataclass(frozen=True, slots=True)
class ExportWanted:
    """What to export; `file` is a new ZIP file on this machine, for a box that is elsewhere."""

    wish: ExportWish
    file: str = ""


class ExportDialog(FormDialog[ExportWanted]):
    """Answers with what is wanted, or None.

    Args:
        local: the box is this machine.
        before: what was entered before and is kept.
        said: why it is asked again.
    """

    DO: ClassVar[str] = "导出 Export"

    def __init__(self, before: ExportWanted | None, said: str, *, local: bool) -> None:
        super().__init__()
        self._local = local
        self._before = before or ExportWanted(ExportWish())
        self._said = said

    @property
    @override
    def heading(self) -> str:
        return "导出审计日志 Export the audit log"

    @override
    def compose_fields(self) -> ComposeResult:
        wish = self._before.wish
        yield Static(
            "附独立核验程序 verify.py,另有网页摘要、FHIR、DICOM 与 CEF。\n"
            "With the stand-alone verify.py, a summary page, FHIR, DICOM and CEF.",
            markup=False,
        )
        if self._local:
            yield label("目录 directory(空为一体机默认 empty: the box's own)")
            yield Input(wish.out or "", id="place", compact=True, max_length=1024)
        else:
            yield label("存为本机的 ZIP 新文件;空则留在一体机 a new ZIP file here; empty: it stays")
            yield Input(self._before.file, id="place", compact=True, max_length=1024)
        yield label("只要 only(全空为整个日志 all empty: the whole log)")
        for name, words in ONLY:
            value = getattr(wish, name) or ""
            yield Input(value, placeholder=words, id=name, compact=True, max_length=100)

    def on_mount(self) -> None:
        """Say why it is asked again."""
        self.say(self._said)

    @override
    def answer(self) -> ExportWanted:
        place = self.typed("place")
        told = {name: self.typed(name) or None for name, _ in ONLY}
        try:
            wish = ExportWish.model_validate({**told, "out": (self._local and place) or None})
        except ValidationError as error:
            issue = error.errors()[0]
            field = ".".join(map(str, issue["loc"]))
            raise Unclear(f"{field}: 不合要求 {inert(issue['msg'], 120)}") from error
        if self._local or not place:
            return ExportWanted(wish)
        try:
            return ExportWanted(wish, str(Path(place).expanduser()))
        except RuntimeError as error:
            raise Unclear(f"{inert(place, 60)}: 没有这个用户 there is no such person") from error
