"""A bounded cursor over bytes that refuses to read past the end."""

from uuid import UUID

from firmware_checks.errors import EventLogMalformed


class Cursor:
    """Reads little-endian numbers and runs of bytes; every read is checked against the end.

    Raises:
        EventLogMalformed: From every read that would pass the end.
    """

    __slots__ = ("_data", "_end", "_filler", "position")

    def __init__(self, data: bytes, start: int = 0) -> None:
        self._data = data
        self._end = len(data)
        self._filler = -1
        self.position = start

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self._end - self.position

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes; `what` names them in the refusal."""
        if count > self.left:
            reason = f"{what} needs {count} bytes and {self.left} are left"
            raise EventLogMalformed(offset=self.position, reason=reason)
        start = self.position
        self.position = start + count
        return self._data[start : self.position]

    def number(self, width: int, what: str) -> int:
        """The next unsigned little-endian number of `width` bytes."""
        return int.from_bytes(self.take(width, what), "little")

    def guid(self, what: str) -> UUID:
        """The next EFI_GUID: its first three fields are little-endian."""
        return UUID(bytes_le=self.take(16, what))

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.left, "the rest")

    def rest_is_padding(self) -> bool:
        """Whether only 0x00 or only 0xFF bytes are left (ACPI log areas are filled with either)."""
        if self._filler < 0:
            # Found once: looking anew behind every event would cost the square of the log's length.
            self._filler = min(len(self._data.rstrip(b"\0")), len(self._data.rstrip(b"\xff")))
        return self.position >= self._filler

    def refuse(self, reason: str) -> EventLogMalformed:
        """The refusal for the current position, to be raised by the caller."""
        return EventLogMalformed(offset=self.position, reason=reason)
