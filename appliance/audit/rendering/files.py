"""The renderings that stand beside an export: their names, and what begins and ends their files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from appliance.audit.event import Entry
from appliance.audit.rendering.cef import to_cef
from appliance.audit.rendering.dicom import to_dicom
from appliance.audit.rendering.fhir import to_fhir
from appliance.audit.rendering.meaning import Source

HTML: Final = "html"


@dataclass(frozen=True, slots=True)
class Rendering:
    """One file with a line for each entry.

    Args:
        name: of the file.
        render: an entry as a line.
        head: what stands before the first line.
        tail: what stands after the last one.
    """

    name: str
    render: Callable[[Entry, Source], bytes]
    head: bytes = b""
    tail: bytes = b""


_RENDERINGS: Final = {
    "cef": Rendering("cef/events.cef", to_cef),
    # One message on each line, and all of them one well-formed document.
    "dicom": Rendering(
        "dicom/audit-messages.xml",
        to_dicom,
        b'<?xml version="1.0" encoding="UTF-8"?>\n<AuditMessages>\n',
        b"</AuditMessages>\n",
    ),
    "fhir": Rendering("fhir/AuditEvent.ndjson", to_fhir),
}
FORMATS: Final = (*_RENDERINGS, HTML)


def renderings_of(formats: Iterable[str]) -> list[Rendering]:
    """The files of the formats that are written entry by entry; HTML is not."""
    return [_RENDERINGS[one] for one in sorted(set(formats)) if one in _RENDERINGS]
