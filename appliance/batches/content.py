"""What a file really holds, judged by its first bytes and not by its name."""

import unicodedata
from typing import Final

from appliance.batches.errors import FileKindRefused

HEAD_BYTES: Final = 4096
_PICTURES: Final = (b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_LONGEST_NAME: Final = 255
_SPACE: Final = b" \t\r\n"


def judge_head(purpose: str, head: bytes, *, whole: bool) -> None:
    """Judge the first `HEAD_BYTES` of a file.

    Args:
        purpose: What it is for.
        head: Its first bytes.
        whole: Whether that is all of it.

    Raises:
        FileKindRefused: It is empty, or not of a kind that the purpose takes.
    """
    if not head:
        raise FileKindRefused(reason_zh="文件为空", reason_en="it is empty")
    if purpose != "batch" and head.startswith(_PICTURES):
        return
    if not _is_text(head, whole=whole):
        raise FileKindRefused(reason_zh="不是 UTF-8 文本", reason_en="it is not text in UTF-8")
    if purpose in {"batch", "fine-tune"} and not head.lstrip(_SPACE).startswith(b"{"):
        raise FileKindRefused(reason_zh="不是 JSON Lines", reason_en="it is not JSON Lines")


def label(name: str) -> str:
    """A name as a label: printable, in one line, without marks that reorder text, not too long."""
    kept = (c for c in name if c.isprintable() and unicodedata.category(c) != "Cf")
    return "".join(kept).strip()[:_LONGEST_NAME] or "file"


def _is_text(head: bytes, *, whole: bool) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut by the end of the head.
        return not whole and error.start >= len(head) - 3
    return True
