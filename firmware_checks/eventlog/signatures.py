"""What a UEFI signature database holds: certificates by their names, and counts of hashes."""

from collections import Counter
from typing import Final
from uuid import UUID

from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.wording import clean

# UEFI 2.10, section 32.4.1.
X509: Final = UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
_KINDS: Final = {
    UUID("c1c41626-504c-4092-aca9-41f936934328"): "SHA-256",
    UUID("826ca512-cf10-4ac9-b187-be01496631bd"): "SHA-1",
    UUID("ff3e5307-9fd0-48c9-85f1-8ad56c701e01"): "SHA-384",
    UUID("093e0fae-a6c4-4f50-9f1b-d41e2b89c19a"): "SHA-512",
    UUID("3bd2a492-96c0-4079-b420-fcf98ef103ed"): "X.509 SHA-256",
    UUID("7076876e-80c2-4ee6-aad2-28b349a6865b"): "X.509 SHA-384",
    UUID("446dbf63-2502-4cda-bcfa-2465d2b0fe9d"): "X.509 SHA-512",
    UUID("3c5766e8-269c-4e34-aa14-ed776e85b3b6"): "RSA-2048",
}
_OWNER: Final = 16
_LIST_HEADER: Final = 28
_SHOWN: Final = 4
_MOST_LISTS: Final = 2048
_NAME_OIDS: Final = (b"\x55\x04\x03", b"\x55\x04\x0b", b"\x55\x04\x0a")
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTF16: Final = 0x1E
_LONG: Final = 0x80
_MOST_LENGTH_BYTES: Final = 4


def database_text(value: bytes) -> str:
    """The entries of EFI_SIGNATURE_LISTs in words; "empty" for none.

    Raises:
        EventLogMalformed: Not a chain of EFI_SIGNATURE_LISTs.
    """
    names: list[str] = []
    counts: Counter[str] = Counter()
    cursor = Cursor(value)
    for _ in range(_MOST_LISTS):
        if not cursor.left:
            break
        _read_list(cursor, names, counts)
    told = [", ".join(names)] if names else []
    told += [f"{number} × {kind}" for kind, number in counts.items()]
    return "; ".join(told) or "空 empty"


def _read_list(cursor: Cursor, names: list[str], counts: "Counter[str]") -> None:
    kind = cursor.guid("the type of the signature list")
    size = cursor.number(4, "the size of the signature list")
    header = cursor.number(4, "the size of its header")
    each = cursor.number(4, "the size of a signature")
    if size < _LIST_HEADER + header or each <= _OWNER:
        raise cursor.refuse("a signature list is smaller than what it holds")
    cursor.take(header, "the header of the signature list")
    body = cursor.take(size - _LIST_HEADER - header, "the signatures")
    if len(body) % each:
        raise cursor.refuse("a signature list does not end with a signature")
    if kind != X509:
        counts[_KINDS.get(kind, str(kind))] += len(body) // each
        return
    number = len(body) // each
    shown = min(number, _SHOWN - len(names))
    names += [
        certificate_name(body[start + _OWNER : start + each]) or "X.509"
        for start in range(0, shown * each, each)
    ]
    if number > shown:
        counts["X.509"] += number - shown


def certificate_name(der: bytes) -> str:
    """The subject of an X.509 certificate (common name, else unit, else organisation), or empty.

    Only the shape is read, nothing is verified. Source: RFC 5280, section 4.1; X.690.
    """
    subject = _subject(der)
    found: dict[bytes, str] = {}
    for part in _children(subject):
        for pair in _children(part):
            fields = _fields(pair)
            if len(fields) == 2:  # noqa: PLR2004 - a type and its value
                (_, oid), (tag, text) = fields
                found[oid] = text.decode(
                    "utf-16-be" if tag == _UTF16 else "utf-8", errors="replace"
                )
    return next((clean(found[oid], 80) for oid in _NAME_OIDS if oid in found), "")


def _subject(der: bytes) -> bytes:
    """The content of the subject's Name, empty where this is no certificate."""
    outer = _fields(der)
    if not outer or outer[0][0] != _SEQUENCE:
        return b""
    inner = _fields(outer[0][1])
    if not inner or inner[0][0] != _SEQUENCE:
        return b""
    fields = _fields(inner[0][1])
    # version [0] (optional), serial number, signature, issuer, validity, subject
    place = 5 if fields and fields[0][0] == _VERSION else 4
    return fields[place][1] if len(fields) > place and fields[place][0] == _SEQUENCE else b""


def _children(content: bytes) -> list[bytes]:
    return [value for _, value in _fields(content)]


def _fields(content: bytes) -> list[tuple[int, bytes]]:
    """The DER values that stand side by side, as (tag, content); stops at what is none."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 2 <= len(content) and len(found) < 64:  # noqa: PLR2004 - no certificate has more side by side
        tag, length = content[at], content[at + 1]
        at += 2
        if length & _LONG:
            width = length & ~_LONG
            if not 1 <= width <= _MOST_LENGTH_BYTES or at + width > len(content):
                break
            length = int.from_bytes(content[at : at + width], "big")
            at += width
        if at + length > len(content):
            break
        found.append((tag, content[at : at + length]))
        at += length
    return found
