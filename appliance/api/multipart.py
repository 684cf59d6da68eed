"""Reads a form with one file (RFC 7578) piece by piece; nothing of the file stays in memory."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from appliance.api.errors import FormMalformed

# RFC 9110, 5.6.6: a name, and a token or a quoted text.
_PARAMETER: Final = re.compile(
    r"""\s*;\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))"""
)
_FOLD: Final = re.compile(rb"\r\n[ \t]+")
_UTF8: Final = re.compile(r"utf-8'[^']*'(.*)", re.IGNORECASE)
_LONGEST_BOUNDARY: Final = 70
_LONGEST_NAME: Final = 128
_LONGEST_FILENAME: Final = 1024
_PAIR: Final = re.compile(r'\\(["\\])')
_LONGEST_HEAD: Final = 8192
_LONGEST_FIELD: Final = 4096
_LONGEST_PADDING: Final = 256
_MOST_FIELDS: Final = 16
_FILE_FIELD: Final = "file"


def parameters(value: str) -> dict[str, str]:
    """The parameters of a header's value by their names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    at = value.find(";")
    while at >= 0 and (one := _PARAMETER.match(value, at)):
        found.setdefault(one[1].lower(), one[3] if one[2] is None else one[2])
        at = one.end()
    return found


def _refused(zh: str, en: str) -> FormMalformed:
    return FormMalformed(reason_zh=zh, reason_en=en)


class Form:
    """A form as it comes in.

    Args:
        content_type: The request's Content-Type; it names the boundary.
        sink: Takes the pieces of the file.

    Raises:
        FormMalformed: It is no such form.
    """

    def __init__(self, content_type: str, sink: Callable[[bytes], None]) -> None:
        boundary = parameters(content_type).get("boundary", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind != "multipart/form-data" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
            raise _refused(
                "Content-Type 须为 multipart/form-data; boundary=…",
                "its Content-Type must be multipart/form-data; boundary=...",
            )
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._sink = sink
        self._mark = b"\r\n--" + boundary.encode("latin-1", "replace")
        # The first boundary has no line end before it; with this one all are alike.
        self._held = bytearray(b"\r\n")
        self._step: Callable[[], bool] = self._preamble
        self._name = ""
        self._value = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came. Raises FormMalformed."""
        self._held += data
        while self._step():
            pass

    def close(self) -> None:
        """Say that all has come. Raises FormMalformed when it is not whole or holds no file."""
        if self._step != self._epilogue:
            raise _refused("表单不完整", "it is cut off")
        if self.filename is None:
            raise _refused("缺少名为 file 的文件", "there is no file named file")

    # Each step takes what it can from `_held` and tells whether another may follow.

    def _preamble(self) -> bool:
        end = self._held.find(self._mark)
        if (len(self._held) if end < 0 else end) > _LONGEST_HEAD:
            raise _refused("找不到分隔行", "its boundary is not found")
        if end < 0:
            return False
        del self._held[: end + len(self._mark)]
        self._step = self._after_mark
        return True

    def _after_mark(self) -> bool:
        if len(self._held) < len(b"--"):
            return False
        if self._held.startswith(b"--"):
            self._step = self._epilogue
            return True
        end = self._held.find(b"\r\n")
        padding = bytes(self._held) if end < 0 else bytes(self._held[:end])
        if padding.strip(b" \t\r") or len(padding) > _LONGEST_PADDING:
            # What begins like the boundary is one (RFC 2046, 5.1.1): it would end the part.
            raise _refused("分隔行有误", "a line only begins like its boundary")
        if end < 0:
            return False
        # The line's end stays: a head may be empty.
        self._step = self._head
        return True

    def _head(self) -> bool:
        end = self._held.find(b"\r\n\r\n")
        if (len(self._held) if end < 0 else end) > _LONGEST_HEAD:
            raise _refused("某一部分的头部过长", "the head of a part is too long")
        if end < 0:
            return False
        head = bytes(self._held[:end])
        del self._held[: end + 4]
        self._begin(head)
        self._step = self._content
        return True

    def _begin(self, head: bytes) -> None:
        told = _disposition(head)
        name = told.get("name", "")
        if not name or len(name) > _LONGEST_NAME:
            raise _refused("某一部分没有名称", "a part has no name")
        if name in self.fields or (name == _FILE_FIELD and self.filename is not None):
            raise _refused("同一名称出现两次", "a name stands there twice")
        if len(self.fields) >= _MOST_FIELDS:
            raise _refused("字段过多", "there are too many fields")
        self._name = name
        self._value = bytearray()
        if name == _FILE_FIELD:
            self.filename = _label(told)

    def _content(self) -> bool:
        end = self._held.find(self._mark)
        if end < 0:
            # The last bytes may be the beginning of a boundary.
            self._pass(len(self._held) - len(self._mark) + 1)
            return False
        self._pass(end)
        del self._held[: len(self._mark)]
        if self._name != _FILE_FIELD:
            self.fields[self._name] = self._value.decode("utf-8", "replace")
        self._step = self._after_mark
        return True

    def _pass(self, count: int) -> None:
        if count <= 0:
            return
        piece = bytes(self._held[:count])
        del self._held[:count]
        if self._name == _FILE_FIELD:
            self._sink(piece)
            return
        self._value += piece
        if len(self._value) > _LONGEST_FIELD:
            raise _refused("某一字段过长", "a field is too long")

    def _epilogue(self) -> bool:
        self._held.clear()
        return False


def _disposition(head: bytes) -> dict[str, str]:
    """What a part's Content-Disposition says of it (RFC 7578, 4.2)."""
    for line in _FOLD.sub(b" ", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        kind = value.partition(b";")[0].strip().lower()
        if name.strip().lower() == b"content-disposition" and kind == b"form-data":
            return parameters(value.decode("utf-8", "replace"))
    return {}


def _label(told: dict[str, str]) -> str:
    """How a file is called; some clients say it a second time, in RFC 8187's words, if it is no ASCII."""
    extended = _UTF8.fullmatch(told.get("filename*", ""))
    if extended:
        label = unquote(extended[1], errors="replace")
    else:
        label = _unescaped(told.get("filename", ""))
    return label if len(label) <= _LONGEST_FILENAME else ""


def _unescaped(written: str) -> str:
    """A name as it was before its client escaped it: browsers, curl and aiohttp do so in three ways."""
    name = _PAIR.sub(r"\1", written)
    whole = unquote_to_bytes(name)
    if name.isascii() and not whole.isascii():
        # Nothing but a whole name in percent signs becomes letters that it did not show.
        with suppress(UnicodeDecodeError):
            return whole.decode("utf-8")
    return name.replace("%22", '"')
