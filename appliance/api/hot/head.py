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
# What the gateway reads, each a bit.
_HOST: Final = 1
_LENGTH: Final = 2
_CONNECTION: Final = 4
_AUTHORIZATION: Final = 8
_API_KEY: Final = 16
_PATIENT: Final = 32
_NEEDED: Final = _HOST | _LENGTH
_READ: Final = {
    b"host": _HOST,
    b"content-length": _LENGTH,
    b"connection": _CONNECTION,
    b"authorization": _AUTHORIZATION,
    b"x-api-key": _API_KEY,
    PATIENT: _PATIENT,
}
# Another with every request, or not ours to remember; by each way in which clients write the name.
_CHANGING: Final = {
    b"content-length": _LENGTH,
    b"Content-Length": _LENGTH,
    b"authorization": _AUTHORIZATION,
    b"Authorization": _AUTHORIZATION,
    b"x-api-key": _API_KEY,
    b"X-Api-Key": _API_KEY,
    b"X-API-Key": _API_KEY,
    PATIENT: _PATIENT,
    b"X-WardBox-Patient": _PATIENT,
}
_ALIVE: Final = frozenset((b"keep-alive", b"close"))
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

    def __init__(self, path: str, start: int) -> None:
        self.path = path
        self.start = start
        self.length = 0
        self.host = b""
        self.authorization: bytes | None = None
        self.api_key: bytes | None = None
        self.keep_alive = True
        self.patient: bytes | None = None

    def take(self, kind: int, value: bytes) -> None:
        """Take what a line says that was judged."""
        if kind == _LENGTH:
            self.length = int(value)
        elif kind == _AUTHORIZATION:
            self.authorization = value
        elif kind == _HOST:
            self.host = value
        elif kind == _CONNECTION:
            self.keep_alive = value != b"close"
        elif kind == _API_KEY:
            self.api_key = value
        else:
            self.patient = value


class Seen:
    """Remembers request lines and header lines that were found well formed, and what they say.

    A client sends the same half dozen lines with every request. What is remembered is bounded, and
    holds no key.
    """

    ROOM: Final = 1024
    LONGEST: Final = 256

    def __init__(self) -> None:
        self._paths: dict[bytes, str] = {}
        self._lines: dict[bytes, tuple[int, bytes]] = {}

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

    def pick(self, lines: list[bytes], head: Head) -> bool:
        """Have a head take what its lines say; False when one is unusual.

        Args:
            lines: the request line, which is left out here, and the header lines.
            head: what was read so far.
        """
        taken = 0
        known = self._lines
        for at in range(1, len(lines)):
            line = lines[at]
            one = known.get(line)
            if one is None:
                one = self._judge(line)
                if one is None:
                    return False
            kind = one[0]
            if kind:
                if taken & kind:
                    return False
                taken |= kind
                head.take(kind, one[1])
        return taken & _NEEDED == _NEEDED

    def _judge(self, line: bytes) -> tuple[int, bytes] | None:
        """Kind and value of a line that the gateway reads, kind 0 of any other that is usual."""
        name, colon, value = line.partition(b":")
        kind = _CHANGING.get(name, 0)
        if kind and _is_plain(kind, value):
            return kind, value.strip(b" ")
        name, value = name.lower(), value.strip(b" \t")
        kind = _READ.get(name, 0)
        if not colon or line.translate(None, _VISIBLE) or not _is_usual(kind, name, value):
            return None
        one = (kind, value.lower() if kind == _CONNECTION else value if kind else b"")
        if name not in _CHANGING and len(line) <= self.LONGEST:
            self._remember(line, one)
        return one

    def _remember(self, line: bytes, one: tuple[int, bytes]) -> None:
        if len(self._lines) >= self.ROOM:
            self._lines.clear()
        self._lines[line] = one


def _is_plain(kind: int, value: bytes) -> bool:
    """Whether a value is as every client writes it, which is seen without a search."""
    if kind == _LENGTH:
        number = value.strip(b" ")
        return number.isdigit() and len(number) <= _LONGEST_NUMBER
    return value.isascii() and value.decode("ascii").isprintable()


def _is_usual(kind: int, name: bytes, value: bytes) -> bool:
    """Whether a line with this name may say this."""
    if kind == _LENGTH:
        return _is_plain(kind, value)
    if kind == _CONNECTION:
        return value.lower() in _ALIVE
    return bool(kind) or not (not name or name in _UNUSUAL or name.translate(None, _TOKEN))


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
    head = Head(path, end + len(_END))
    return head if seen.pick(lines, head) else None
