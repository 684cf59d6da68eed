"""Reads a form with one file (RFC 7578) piece by piece; nothing of the file stays in memory."""

import re
from collections.abc import Callable
from typing import Final

from appliance.api.errors import BodyMalformed

_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(rb'\bname="([^"\r\n]{0,128})"')
_FILENAME: Final = re.compile(rb'\bfilename="((?:[^"\\\r\n]|\\.){0,1024})"')
_LONGEST_HEAD: Final = 8192
_LONGEST_FIELD: Final = 4096
_MOST_FIELDS: Final = 16
_FILE_FIELD: Final = "file"


class Form:
    """A form as it comes in.

    Args:
        content_type: The request's Content-Type; it names the boundary.
        sink: Takes the pieces of the file.

    Raises:
        BodyMalformed: It is no such form.
    """

    def __init__(self, content_type: str, sink: Callable[[bytes], None]) -> None:
        named = _BOUNDARY.search(content_type)
        if not content_type.lower().startswith("multipart/form-data") or named is None:
            raise BodyMalformed(reason="multipart/form-data; boundary=...")
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._sink = sink
        self._mark = b"\r\n--" + (named.group(1) or named.group(2)).encode("latin-1", "replace")
        # The first boundary has no line end before it; with this one all are alike.
        self._held = bytearray(b"\r\n")
        self._step: Callable[[], bool] = self._preamble
        self._name = ""
        self._value = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came. Raises BodyMalformed."""
        self._held += data
        while self._step():
            pass

    def close(self) -> None:
        """Say that all has come. Raises BodyMalformed when it is not whole or holds no file."""
        if self._step != self._epilogue:
            raise BodyMalformed(reason="multipart: cut off")
        if self.filename is None:
            raise BodyMalformed(reason="multipart: no file")

    # Each step takes what it can from `_held` and tells whether another may follow.

    def _preamble(self) -> bool:
        if len(self._held) < len(self._mark):
            return False
        if not self._held.startswith(self._mark):
            raise BodyMalformed(reason="multipart: boundary")
        del self._held[: len(self._mark)]
        self._step = self._after_mark
        return True

    def _after_mark(self) -> bool:
        if len(self._held) < len(b"--"):
            return False
        ending = bytes(self._held[:2])
        del self._held[:2]
        if ending == b"--":
            self._step = self._epilogue
        elif ending == b"\r\n":
            self._step = self._head
        else:
            raise BodyMalformed(reason="multipart: boundary")
        return True

    def _head(self) -> bool:
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            if len(self._held) > _LONGEST_HEAD:
                raise BodyMalformed(reason="multipart: head")
            return False
        head = bytes(self._held[:end])
        del self._held[: end + 4]
        self._begin(head)
        self._step = self._content
        return True

    def _begin(self, head: bytes) -> None:
        named = _NAME.search(head)
        if named is None or len(self.fields) >= _MOST_FIELDS:
            raise BodyMalformed(reason="multipart: name")
        self._name = named.group(1).decode("utf-8", "replace")
        self._value = bytearray()
        if self._name != _FILE_FIELD:
            return
        if self.filename is not None:
            raise BodyMalformed(reason="multipart: two files")
        label = _FILENAME.search(head)
        self.filename = label.group(1).decode("utf-8", "replace") if label else ""

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
            raise BodyMalformed(reason="multipart: field too long")

    def _epilogue(self) -> bool:
        self._held.clear()
        return False
