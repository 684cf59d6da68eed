"""One question, one answer: is this file or folder an acceptable model, and if not, why."""

from dataclasses import asdict, dataclass
from pathlib import Path

from models.card import Bilingual
from models.errors import ModelsError
from models.formats.folder import read_folder
from models.formats.gguf_parts import parse_whole
from models.formats.refusals import FileRefused, FileUnreadable
from models.formats.safetensors import parse_safetensors
from models.formats.sniff import (
    Kind,
    ends_as_zip,
    guess_kind,
    refuse_by_content,
)
from models.formats.summary import ModelSummary, summarise_gguf, summarise_safetensors
from models.formats.view import FileView, open_view

ACCEPTED_CODE = "model.accepted"


@dataclass(frozen=True, slots=True)
class Inspection:
    """The verdict on one file or folder.

    Attributes:
        accepted: Whether an engine may see it.
        kind: "gguf", "safetensors", "folder" or "unknown".
        code: "model.accepted" or the code of the refusal.
        rule: The broken rule, "" when accepted.
        reason: The verdict as a sentence.
        way_out: What to do about a refusal.
        bytes: Size in bytes (of all files, for a folder).
        summary: What the model says about itself; None when refused.
    """

    accepted: bool
    kind: str
    code: str
    rule: str
    reason: Bilingual
    way_out: Bilingual
    bytes: int
    summary: ModelSummary | None = None

    def to_json(self, file: str, sha256: str | None = None) -> dict[str, object]:
        """The wire form; its keys are stable.

        Args:
            file: The path as the caller wrote it.
            sha256: Digest of the file in hex, if it was computed.
        """
        wire: dict[str, object] = {
            "file": file,
            "accepted": self.accepted,
            "kind": self.kind,
            "code": self.code,
            "rule": self.rule,
            "reason": {"zh": self.reason.zh, "en": self.reason.en},
            "way_out": {"zh": self.way_out.zh, "en": self.way_out.en},
            "summary": asdict(self.summary) if self.summary else {},
            "bytes": self.bytes,
        }
        return wire if sha256 is None else {**wire, "sha256": sha256}


def inspect_file(path: Path) -> Inspection:
    """Judges a model file, or a folder in the Hugging Face layout, by content.

    Only headers are read, so the answer for a 100 GB file takes as long as for a small one.

    Raises:
        FileUnreadable: There is nothing to judge: the path is missing, not permitted, or a
            device or pipe.
    """
    if _is_folder(path):
        return _inspect_folder(path)
    with open_view(path) as view:
        kind = guess_kind(view, path.suffix)
        try:
            return _accepted(_judge(view, kind, path), view.size)
        except FileRefused as refusal:
            return _refused(refusal, kind, view.size)


def require_model(path: Path) -> ModelSummary:
    """Like `inspect_file`, for callers that only want to go on with an acceptable model.

    Raises:
        FileRefused: It is not acceptable.
        FileUnreadable: It cannot be read.
    """
    if _is_folder(path):
        return read_folder(path).summary
    with open_view(path) as view:
        return _judge(view, guess_kind(view, path.suffix), path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        # A folder on the way that may not be entered, or a name too long for any.
        raise FileUnreadable(path=ascii(str(path)[:200]), reason=error.strerror or "I/O") from error


def _judge(view: FileView, kind: Kind, path: Path) -> ModelSummary:
    if kind is Kind.UNKNOWN or ends_as_zip(view):
        raise refuse_by_content(view)
    if kind is Kind.GGUF:
        return summarise_gguf(parse_whole(view, path))
    return summarise_safetensors(parse_safetensors(view))


def _inspect_folder(path: Path) -> Inspection:
    try:
        contents = read_folder(path)
    except FileRefused as refusal:
        return _refused(refusal, Kind.FOLDER, 0)
    except OSError as error:
        raise FileUnreadable(path=ascii(str(path)), reason=error.strerror or "I/O") from error
    return _accepted(contents.summary, contents.bytes)


def _refused(refusal: ModelsError, kind: Kind, size: int) -> Inspection:
    return Inspection(
        accepted=False,
        kind=kind.value,
        code=refusal.code,
        rule=str(refusal.facts.get("rule", "")),
        reason=Bilingual(refusal.sentence_zh, refusal.sentence_en),
        way_out=Bilingual(refusal.way_out_zh, refusal.way_out_en),
        bytes=size,
    )


def _accepted(summary: ModelSummary, size: int) -> Inspection:
    return Inspection(
        accepted=True,
        kind=summary.kind,
        code=ACCEPTED_CODE,
        rule="",
        reason=Bilingual("文件通过全部检查。", "The file passes every check."),
        way_out=Bilingual("", ""),
        bytes=size,
        summary=summary,
    )
