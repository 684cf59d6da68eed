"""Text out of untrusted bytes: printable, short, and never a control character."""

from typing import Final

MAX_TEXT: Final = 200
_SAMPLE: Final = 4 * MAX_TEXT
_LEAST_WIDE: Final = 4


def clean(text: str, longest: int = MAX_TEXT) -> str:
    """Without control characters: a log must not steer the terminal it is shown on."""
    head = text[:longest].rstrip("\0")
    return "".join(letter if letter.isprintable() else " " for letter in head).strip()


def text_of(data: bytes) -> str:
    """The printable text of the data (UTF-16 or UTF-8), empty when it is binary."""
    head = data[:_SAMPLE]
    wide = len(head) >= _LEAST_WIDE and len(head) % 2 == 0 and not any(head[1::2])
    text = head.decode("utf-16-le" if wide else "utf-8", errors="replace").rstrip("\0 \r\n")
    if not text or "�" in text[:-1] or "\0" in text:
        return ""
    return clean(text)


def wide_text(data: bytes, longest: int = MAX_TEXT) -> str:
    """UTF-16 text up to its first NUL."""
    return clean(data[: 2 * longest].decode("utf-16-le", errors="replace").split("\0")[0], longest)


def text_or_size(data: bytes) -> str:
    """The text of the data, or how long it is when it is binary; empty for no data."""
    return text_of(data) or (f"{len(data)} bytes" if data else "")


def counted(number: int, zh: str, one: str, many: str) -> str:
    """A number of things, Chinese first: "2 个 two things"."""
    return f"{number} {zh} {one if number == 1 else many}"
