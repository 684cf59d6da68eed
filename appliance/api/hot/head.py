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
_ALLOWED: Final = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNUSUAL: Final = frozenset(
    (b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"te", b"trailer")
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


def read_plain_head(data: bytes) -> Head | None:
    """Read a head that stands whole at the beginning of `data`; None when it is unusual."""
    if not data.startswith(_POST):
        return None
    end = data.find(_END, 0, LONGEST)
    if end < 0:
        return None
    block = data[:end]
    first, *lines = block.split(b"\r\n")
    # What is left without the signs that may stand in a head are its line ends, all of them pairs.
    if block.translate(None, _ALLOWED) != b"\r\n" * len(lines):
        return None
    fields = _fields(lines)
    if fields is None or not first.endswith(_VERSION):
        return None
    return _judge(first[len(_POST) : -len(_VERSION)], end + len(_END), fields)


def _fields(lines: list[bytes]) -> dict[bytes, bytes] | None:
    """Names in lower case to values; None when a name is no token or comes twice."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name:
            return None
        fields[name.lower()] = value.strip(b" \t")
    if len(fields) != len(lines) or b"".join(fields).translate(None, _TOKEN):
        return None
    return fields


def _judge(target: bytes, start: int, fields: dict[bytes, bytes]) -> Head | None:
    if not _UNUSUAL.isdisjoint(fields) or not target.isascii():
        return None
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
