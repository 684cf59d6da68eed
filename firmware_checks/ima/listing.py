"""Reads IMA's list of measurements, as text and as bytes, with bounded time and memory."""

import re
from dataclasses import replace
from typing import Final

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.wording import clean
from firmware_checks.ima.errors import ImaListMalformed, ImaListTooLarge
from firmware_checks.ima.templates import (
    DIGESTS,
    NAMES,
    OLD_DIGEST,
    OLD_NAME,
    OLD_TEMPLATE,
    TEMPLATES,
    ImaEntry,
)

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_ENTRIES: Final = 300_000
_MAX_FIELD: Final = 64 * 1024
_MAX_TEMPLATE: Final = 64
_LAST_PCR: Final = 23
_SHA1: Final = 20
_PATH: Final = 4096
_HASH: Final = re.compile(r"(?:[a-z]+:)?([a-z0-9_-]{1,20}):([0-9a-f]{2,128})")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){16,64}")


def parse(data: bytes) -> tuple[ImaEntry, ...]:
    """Reads `ascii_runtime_measurements` or `binary_runtime_measurements`, whichever it is.

    Args:
        data: The whole list, at most 64 MiB.

    Returns:
        The entries in order; nothing of them is trusted beyond their form.

    Raises:
        ImaListTooLarge: More than 64 MiB or 300,000 entries.
        ImaListMalformed: Anything else, with its place.
    """
    if len(data) > MAX_BYTES:
        raise ImaListTooLarge(size=len(data), unit="bytes", limit=MAX_BYTES)
    if not data:
        raise ImaListMalformed(place="byte 0", reason="the list is empty")
    return _text(data) if re.match(rb"\s*\d{1,2} [0-9a-f]{32}", data) else _binary(data)


def _text(data: bytes) -> tuple[ImaEntry, ...]:
    lines = data.decode("utf-8", errors="surrogateescape").split("\n")
    if len(lines) > MAX_ENTRIES:
        raise ImaListTooLarge(size=len(lines), unit="entries", limit=MAX_ENTRIES)
    return tuple(_line(number, line) for number, line in enumerate(lines, 1) if line.strip())


def _line(number: int, line: str) -> ImaEntry:
    words = line.lstrip(" ").split(" ", 4)
    if len(words) < 5:  # noqa: PLR2004 - PCR, template digest, template, file digest, name
        raise _refusal(number, "a line has less than five fields")
    pcr, listed, template, told, rest = words
    fields = TEMPLATES.get(template)
    if fields is None:
        raise _refusal(number, f"template {clean(template, 40)!r} is not known")
    if not _HEX.fullmatch(listed):
        raise _refusal(number, "the template digest is not one in hexadecimal")
    algorithm, digest = _file_digest(number, template, told)
    name, more = _name_and_rest(rest, len(fields) - 2)
    payload = _payload(number, fields, told, name, more)
    return ImaEntry(
        number,
        _register(number, pcr),
        bytes.fromhex(listed),
        template,
        payload,
        algorithm,
        digest,
        clean(name, _PATH),
    )


def _name_and_rest(rest: str, more: int) -> tuple[str, list[str]]:
    """The name, which may hold blanks, and the fields behind it, which do not (the last may be empty)."""
    if more == 0:
        return rest, []
    words = rest.rsplit(" ", more)
    if len(words) == more + 1:
        return words[0], words[1:]
    return words[0], (words[1:] + [""] * more)[:more]


def _file_digest(number: int, template: str, told: str) -> tuple[str, str]:
    if template == OLD_TEMPLATE:
        if len(told) != 2 * OLD_DIGEST or not _HEX.fullmatch(told):
            raise _refusal(number, "the file's digest is not SHA-1")
        return "sha1", told
    found = _HASH.fullmatch(told)
    if found is None or len(found[2]) % 2:
        raise _refusal(number, "the file's digest is not of the form algorithm:hexadecimal")
    return found[1], found[2]


def _payload(number: int, fields: tuple[str, ...], told: str, name: str, more: list[str]) -> bytes:
    """The template data that the kernel hashed: every field with its length before it."""
    raw = name.encode("utf-8", errors="surrogateescape")
    if fields[0] == "d":
        return bytes.fromhex(told) + raw[:OLD_NAME].ljust(OLD_NAME, b"\0")
    head, _, digest = told.rpartition(":")
    parts = [head.encode() + b":\0" + bytes.fromhex(digest), raw + b"\0"]
    for field, text in zip(fields[2:], more, strict=True):
        if field == "d-modsig" and text:
            head, _, digest = text.rpartition(":")
            parts.append(head.encode() + b":\0" + _bytes(number, digest))
        else:
            parts.append(_bytes(number, text))
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def _bytes(number: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise _refusal(number, "a field is not hexadecimal") from error


def _register(number: int, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LAST_PCR:
        raise _refusal(number, "there is no such register")
    return int(text)


def _binary(data: bytes) -> tuple[ImaEntry, ...]:
    found: list[ImaEntry] = []
    cursor = Cursor(data)
    try:
        while cursor.left:
            if len(found) >= MAX_ENTRIES:
                raise ImaListTooLarge(size=f"> {MAX_ENTRIES}", unit="entries", limit=MAX_ENTRIES)
            found.append(_entry(len(found) + 1, cursor))
    except EventLogMalformed as error:
        place = f"byte {error.facts['offset']}"
        raise ImaListMalformed(place=place, reason=error.facts["reason"]) from error
    return tuple(found)


def _entry(number: int, cursor: Cursor) -> ImaEntry:
    pcr = cursor.number(4, "the register")
    if pcr > _LAST_PCR:
        raise cursor.refuse(f"register {pcr} does not exist")
    listed = cursor.take(_SHA1, "the template digest")
    length = cursor.number(4, "the length of the template's name")
    if length > _MAX_TEMPLATE:
        raise cursor.refuse("the template's name is too long")
    template = cursor.take(length, "the template's name").decode("ascii", errors="replace")
    fields = TEMPLATES.get(template)
    if fields is None:
        raise cursor.refuse(f"template {clean(template, 40)!r} is not known")
    entry = ImaEntry(number, pcr, listed, template, b"", "", "", "")
    if template == OLD_TEMPLATE:
        return _old(entry, cursor)
    size = cursor.number(4, "the length of the template data")
    payload = cursor.take(size, "the template data")
    return _with_fields(replace(entry, data=payload), fields)


def _old(entry: ImaEntry, cursor: Cursor) -> ImaEntry:
    """Template "ima": twenty bytes of SHA-1, then the name with its length; hashed with 256 bytes of name."""
    digest = cursor.take(OLD_DIGEST, "the file's digest")
    length = cursor.number(4, "the length of the name")
    name = cursor.take(length, "the name")
    return replace(
        entry,
        data=digest + name[:OLD_NAME].ljust(OLD_NAME, b"\0"),
        algorithm="sha1",
        digest=digest.hex(),
        name=_named(name),
    )


def _with_fields(entry: ImaEntry, fields: tuple[str, ...]) -> ImaEntry:
    cursor = Cursor(entry.data)
    for field in fields:
        size = cursor.number(4, "the length of a field")
        if size > _MAX_FIELD and field in DIGESTS | NAMES:
            raise cursor.refuse("a field is too long")
        value = cursor.take(size, "a field")
        if field in NAMES:
            entry = replace(entry, name=_named(value))
        elif field in DIGESTS and field != "d-modsig":
            algorithm, end, digest = value.partition(b":\0")
            if not end:
                raise cursor.refuse("the file's digest names no algorithm")
            named = algorithm.decode("ascii", errors="replace").rpartition(":")[2]
            entry = replace(entry, algorithm=clean(named, 20), digest=digest.hex())
    if cursor.left:
        raise cursor.refuse("bytes stand behind the last field")
    return entry


def _named(value: bytes) -> str:
    return clean(value.rstrip(b"\0").decode("utf-8", errors="replace"), _PATH)


def _refusal(number: int, reason: str) -> ImaListMalformed:
    return ImaListMalformed(place=f"line {number}", reason=reason)
