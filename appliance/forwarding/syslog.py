"""Syslog messages: RFC 5424 around an entry of the log, framed for TLS as RFC 5425 has it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from appliance.audit.event import Entry
from appliance.audit.rendering.cef import to_cef
from appliance.audit.rendering.dicom import to_dicom
from appliance.audit.rendering.meaning import MINOR_FAILURE, SUCCESS, Source, meaning_of
from secure_compute.merkle import leaf_hash

Format = Literal["json", "cef", "dicom"]
ELEMENT: Final = "wardbox@32473"
"""Name of the structured data; 32473 is the number that RFC 5612 gives to whoever has none."""
TEST: Final = "wardbox-test"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_APP: Final = "WardBox"
_IHE: Final = "IHE+RFC-3881"
_LONGEST_ID: Final = 32
_ERROR, _WARNING, _INFORMATIONAL = 3, 4, 6
_UNPRINTABLE: Final = re.compile(r"[^!-~]")
_ESCAPED: Final = re.compile(r'(["\\\]])')


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose messages they are.

    Args:
        source: the box.
        facility: of RFC 5424, 0 to 23.
        format: what a message carries.
    """

    source: Source
    facility: int
    format: Format

    def message(self, entry: Entry) -> bytes:
        """One message: its number and hash stand in the structured data whatever it carries."""
        outcome = meaning_of(entry).outcome
        severity = {SUCCESS: _INFORMATIONAL, MINOR_FAILURE: _WARNING}.get(outcome, _ERROR)
        number, digest = str(entry.index), leaf_hash(entry.leaf).hex()
        told = {"log": self.source.name, "seq": number, "hash": digest}
        data = " ".join(f'{name}="{_value(text)}"' for name, text in told.items())
        about = _IHE if self.format == "dicom" else entry.event.tag
        head = self._head(severity, entry.time, about)
        return b"%s [%s %s] %s" % (head, ELEMENT.encode(), data.encode(), self._body(entry))

    def test(self, time: int) -> bytes:
        """A message that is no entry, to see whether anything arrives."""
        text = f"test of forwarding from {self.source.name}"
        return b"%s - %s" % (self._head(_INFORMATIONAL, time, TEST), text.encode())

    def _head(self, severity: int, time: int, about: str) -> bytes:
        stamp = (_EPOCH + timedelta(microseconds=time)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        host = _UNPRINTABLE.sub("?", self.source.address)[:255] or "-"
        about = _UNPRINTABLE.sub("?", about)[:_LONGEST_ID]
        return f"<{self.facility * 8 + severity}>1 {stamp} {host} {_APP} - {about}".encode()

    def _body(self, entry: Entry) -> bytes:
        return entry.leaf if self.format == "json" else _BODIES[self.format](entry, self.source)


def framed(message: bytes) -> bytes:
    """A message with its length before it (RFC 5425, 4.3)."""
    return b"%d %s" % (len(message), message)


def wants(tags: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a tag is one of those given, each of which may end in "*"; every tag when none is given."""
    whole = frozenset(tag for tag in tags if not tag.endswith("*"))
    begun = tuple(tag[:-1] for tag in tags if tag.endswith("*"))
    return lambda tag: not tags or tag in whole or tag.startswith(begun)


def _value(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text)


_BODIES: Final[dict[str, Callable[[Entry, Source], bytes]]] = {"cef": to_cef, "dicom": to_dicom}
