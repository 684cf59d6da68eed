"""Reads the plain head of a model request at once; whatever is unusual goes to the full parser.

Nearly every model request has the same plain shape: POST, HTTP/1.1, a length, no encodings. Such a
head is judged here by a few searches over its bytes, which costs a tenth of a call per header line.
A head that is unusual in any way is not refused but left alone: the full parser knows what to say.
"""

from typing import Final

LONGEST: Final = 16_384
"""Bytes of a head that is read here."""
PATIENT: Final = b"x-wardbox-patient"
"""The header that names the patient whom a request is about; it never reaches an engine."""

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
    (b"host", b"content-length", b"connection", b"authorization", b"x-api-key", PATIENT)
)
# Another with every request, or not ours to remember; by each way in which clients write the name.
_CHANGING: Final = {
    b"content-length": b"content-length",
    b"Content-Length": b"content-length",
    b"authorization": b"authorization",
    b"Authorization": b"authorization",
    b"x-api-key": b"x-api-key",
    b"X-Api-Key": b"x-api-key",
    b"X-API-Key": b"x-api-key",
    PATIENT: PATIENT,
    b"X-WardBox-Patient": PATIENT,
}
_LONGEST_NUMBER: Final = 10


class Head:
    """What the gateway needs of a head.

    Args:
        path: the path, without a query.
        start: where the body begins in the bytes that were read.
        length: bytes of the body.
        host: value of the Host header.
        authorization: value of the Authorization header, or None.
        api_key: value of the X-Api-Key header, or None.
        keep_alive: whether the connection stays open after the answer.
        patient: value of the X-WardBox-Patient header, or None.
    """

    __slots__ = (
        "api_key", "authorization", "host", "keep_alive", "length", "path", "patient", "start",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917  # one is made for every request, by place
        self,
        path: str,
        start: int,
        length: int,
        host: bytes,
        authorization: bytes | None,
        api_key: bytes | None,
        keep_alive: bool,  # noqa: FBT001
        patient: bytes | None,
    ) -> None:
        self.path = path
        self.start = start
        self.length = length
        self.host = host
        self.authorization = authorization
        self.api_key = api_key
        self.keep_alive = keep_alive
        self.patient = patient


class Seen:
    """Remembers request lines and header lines that were found well formed, and what they say.

    A client sends the same half dozen lines with every request. What is remembered is bounded, and
    holds no key.
    """

    ROOM: Final = 1024
    LONGEST: Final = 256

    def __init__(self) -> None:
        self._paths: dict[bytes, str] = {}
        self._lines: dict[bytes, tuple[bytes, bytes]] = {}

    def path(self, line: bytes) -> str | None:
        """The path that a request line asks for; None when the line is unusual."""
        path = self._paths.get(line)
        if path is None:
            target = line[len(_POST) : -len(_VERSION)]
            if not line.endswith(_VERSION) or target.translate(None, _TARGET):
                return None
            path = target.decode("ascii")
            if len(self._paths) >= self.ROOM:
                self._paths.clear()
            self._paths[line] = path
        return path

    def pick(self, lines: list[bytes]) -> dict[bytes, bytes] | None:
        """The fields the gateway reads, by name in lower case; None when a line is unusual.

        Args:
            lines: the request line, which is left out here, and the header lines.
        """
        fields: dict[bytes, bytes] = {}
        known = self._lines
        for at in range(1, len(lines)):
            line = lines[at]
            one = known.get(line)
            if one is None:
                one = self._judge(line)
                if one is None:
                    return None
            name, value = one
            if name:
                if name in fields:
                    return None
                fields[name] = value
        return fields

    def _judge(self, line: bytes) -> tuple[bytes, bytes] | None:
        """Name and value of a line that the gateway reads, no name for any other that is usual."""
        name, colon, value = line.partition(b":")
        changing = _CHANGING.get(name)
        if changing is not None and value.isascii() and value.decode("ascii").isprintable():
            # What comes with every request, as every client writes it: judged without a search.
            return changing, value.strip(b" ")
        name = name.lower()
        if not colon or line.translate(None, _VISIBLE):
            return None
        if name not in _READ:
            if not name or name in _UNUSUAL or name.translate(None, _TOKEN):
                return None
            name, value = b"", b""
        one = (name, value.strip(b" \t"))
        if name not in _CHANGING and len(line) <= self.LONGEST:
            if len(self._lines) >= self.ROOM:
                self._lines.clear()
            self._lines[line] = one
        return one


_SEEN: Final = Seen()


def read_plain_head(data: bytes, seen: Seen = _SEEN) -> Head | None:
    """Read a head that stands whole at the beginning of `data`; None when it is unusual."""
    if not data.startswith(_POST):
        return None
    end = data.find(_END, 0, LONGEST)
    if end < 0:
        return None
    lines = data[:end].split(b"\r\n")
    path = seen.path(lines[0])
    if path is None:
        return None
    fields = seen.pick(lines)
    return None if fields is None else _judge(path, end + len(_END), fields)


def _judge(path: str, start: int, fields: dict[bytes, bytes]) -> Head | None:
    length, host = fields.get(b"content-length", b""), fields.get(b"host")
    connection = fields.get(b"connection")
    if host is None or not length.isdigit() or len(length) > _LONGEST_NUMBER:
        return None
    if connection is not None:
        connection = connection.lower()
        if connection not in {b"keep-alive", b"close"}:
            return None
    return Head(
        path,
        start,
        int(length),
        host,
        fields.get(b"authorization"),
        fields.get(b"x-api-key"),
        connection != b"close",
        fields.get(PATIENT),
    )
