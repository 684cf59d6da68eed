"""Reads the plain head of a model request at once; whatever is unusual goes to the full parser.

Nearly every model request has the same plain shape: POST, HTTP/1.1, a length, no encodings. Such a
head is judged here by a few searches over its bytes, which costs a tenth of a call per header line.
A head that is unusual in any way is not refused but left alone: the full parser knows what to say.
"""

from typing import Final, NamedTuple

LONGEST: Final = 16_384
"""Bytes of a head that is read here."""

_END: Final = b"\r\n\r\n"
_POST: Final = b"POST "
_VERSION: Final = b" HTTP/1.1"
_VISIBLE: Final = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TARGET: Final = b"/-_.abcdefghijklmnopqrstuvwxyz0123456789"
_UNUSUAL: Final = frozenset(
    (b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"te", b"trailer")
)
_READ: Final = frozenset(
    (b"host", b"content-length", b"connection", b"authorization", b"x-api-key")
)
_LONGEST_NUMBER: Final = 10


class Head(NamedTuple):
    """What the gateway needs of a head.

    Args:
        path: the path, without a query.
        start: where the body begins in the bytes that were read.
        length: bytes of the body.
        host: value of the Host header.
        authorization: value of the Authorization header, or None.
        api_key: value of the X-Api-Key header, or None.
        keep_alive: whether the connection stays open after the answer.
    """

    path: str
    start: int
    length: int
    host: bytes
    authorization: bytes | None
    api_key: bytes | None
    keep_alive: bool


class Harmless:
    """Remembers header lines that were found well formed and say nothing the gateway reads.

    A client sends the same half dozen lines with every request. What is remembered is bounded.
    """

    ROOM: Final = 1024
    LONGEST: Final = 256

    def __init__(self) -> None:
        self._lines: set[bytes] = set()

    def pick(self, lines: list[bytes]) -> dict[bytes, bytes] | None:
        """The fields the gateway reads, by name in lower case; None when a line is unusual."""
        fields: dict[bytes, bytes] = {}
        known = self._lines
        for line in lines:
            if line in known:
                continue
            name, colon, value = line.partition(b":")
            name = name.lower()
            if not colon or not name or name in _UNUSUAL or name in fields:
                return None
            if line.translate(None, _VISIBLE) or name.translate(None, _TOKEN):
                return None
            if name in _READ:
                fields[name] = value.strip(b" \t")
            elif len(line) <= self.LONGEST:
                if len(known) >= self.ROOM:
                    known.clear()
                known.add(line)
        return fields


_HARMLESS: Final = Harmless()


def read_plain_head(data: bytes, harmless: Harmless = _HARMLESS) -> Head | None:
    """Read a head that stands whole at the beginning of `data`; None when it is unusual."""
    if not data.startswith(_POST):
        return None
    end = data.find(_END, 0, LONGEST)
    if end < 0:
        return None
    first, *lines = data[:end].split(b"\r\n")
    target = first[len(_POST) : -len(_VERSION)]
    if not first.endswith(_VERSION) or target.translate(None, _TARGET):
        return None
    fields = harmless.pick(lines)
    return None if fields is None else _judge(target, end + len(_END), fields)


def _judge(target: bytes, start: int, fields: dict[bytes, bytes]) -> Head | None:
    length, host = fields.get(b"content-length", b""), fields.get(b"host")
    connection = fields.get(b"connection", b"keep-alive").lower()
    if host is None or not length.isdigit() or len(length) > _LONGEST_NUMBER:
        return None
    if connection not in {b"keep-alive", b"close"}:
        return None
    return Head(
        target.decode("ascii"),
        start,
        int(length),
        host,
        fields.get(b"authorization"),
        fields.get(b"x-api-key"),
        connection == b"keep-alive",
    )
