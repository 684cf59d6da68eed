"""What an EFI program is: its Authenticode digest, and the name and version it carries."""

import re
from dataclasses import dataclass
from typing import Final

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.algorithms import Algorithm
from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.wording import clean

_PE32_PLUS: Final = 0x20B
_PE32: Final = 0x10B
_SECTION: Final = 40
_MAX_SECTIONS: Final = 256
_CERTIFICATES: Final = 4
_SBAT_FIELDS: Final = 5
_MAX_SBAT: Final = 64 * 1024
_LINUX: Final = b"HdrS"
_LINUX_AT: Final = 0x202
# shim and systemd-boot write their versions into the program for whoever looks.
_SHIM: Final = re.compile(rb"UEFI SHIM\n\$Version: ([0-9][0-9A-Za-z.+~-]{0,30}) \$")
_LOADER: Final = re.compile(
    rb"LoaderInfo: (systemd-(?:boot|stub)) ([0-9][0-9A-Za-z.+~-]{0,40}) ####"
)


@dataclass(frozen=True, slots=True)
class Program:
    """An EFI program: name and version as it tells them itself ("shim", "15.8"), and its file."""

    name: str
    version: str
    file: str = ""

    @property
    def title(self) -> str:
        """Name and version, else the file."""
        return f"{self.name} {self.version}".strip() or self.file


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a PE file: where it lies in the file."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """A PE file as far as its digest needs it; offsets and sizes in bytes.

    Attributes:
        data: The whole file.
        checksum: Where the four bytes of the checksum stand.
        certificates: Where the eight bytes of the certificate directory stand, or None.
        headers: Size of all headers.
        signed: Size of the signatures behind everything else.
        sections: In the order of the table.
    """

    data: bytes
    checksum: int
    certificates: int | None
    headers: int
    signed: int
    sections: tuple[Section, ...]


def read_image(data: bytes) -> Image:
    """Reads the headers of a PE file (Microsoft PE/COFF specification).

    Raises:
        EventLogMalformed: Not a PE file, or one that leads beyond its end.
    """
    start = Cursor(data)
    if start.take(2, "the DOS header") != b"MZ":
        raise start.refuse("this is no PE file")
    start.take(58, "the DOS header")
    cursor = Cursor(data, start.number(4, "the place of the PE header"))
    if cursor.left <= 0 or cursor.take(4, "the PE signature") != b"PE\0\0":
        raise start.refuse("this is no PE file")
    cursor.take(2, "the machine")
    count = cursor.number(2, "the number of sections")
    cursor.take(12, "the COFF header")
    optional_size = cursor.number(2, "the size of the optional header")
    cursor.take(2, "the characteristics")
    begin = cursor.position
    optional = Cursor(data, begin)
    magic = optional.number(2, "the magic")
    if magic not in {_PE32, _PE32_PLUS} or count > _MAX_SECTIONS:
        raise optional.refuse("this is no PE file for UEFI")
    optional.take(58, "the optional header")
    headers = optional.number(4, "the size of the headers")
    directories = 108 if magic == _PE32_PLUS else 92
    table = Cursor(data, begin + directories)
    entry, signed = None, 0
    if table.number(4, "the number of directories") > _CERTIFICATES:
        entry = begin + directories + 4 + 8 * _CERTIFICATES
        at = Cursor(data, entry)
        at.take(4, "the place of the signatures")
        signed = at.number(4, "the size of the signatures")
    sections = _sections(Cursor(data, begin + optional_size), count)
    if headers > len(data) or signed > len(data):
        raise optional.refuse("the headers or signatures lead beyond the end")
    return Image(data, begin + 64, entry, headers, signed, sections)


def _sections(cursor: Cursor, count: int) -> tuple[Section, ...]:
    found = []
    for _ in range(count):
        head = cursor.take(_SECTION, "a section header")
        name = head[:8].rstrip(b"\0").decode("ascii", errors="replace")
        size = int.from_bytes(head[16:20], "little")
        start = int.from_bytes(head[20:24], "little")
        found.append(Section(name, start, size))
    return tuple(found)


def authenticode(image: Image, algorithm: Algorithm) -> bytes:
    """The digest that UEFI firmware measures into PCR 4 for this program.

    Source: Microsoft, Windows Authenticode Portable Executable Signature Format, "Calculating the PE
    Image Hash": all but the checksum, the certificate directory and the signatures themselves.

    Raises:
        EventLogMalformed: A section leads beyond the end of the file.
    """
    data = memoryview(image.data)
    parts = [data[: image.checksum]]
    if image.certificates is None:
        parts.append(data[image.checksum + 4 : image.headers])
    else:
        parts.append(data[image.checksum + 4 : image.certificates])
        parts.append(data[image.certificates + 8 : image.headers])
    hashed = image.headers
    for section in sorted(image.sections, key=lambda one: one.start):
        if not section.size:
            continue
        if section.start + section.size > len(data):
            raise EventLogMalformed(offset=section.start, reason="a section leads beyond the end")
        parts.append(data[section.start : section.start + section.size])
        hashed += section.size
    parts.append(data[hashed : max(hashed, len(data) - image.signed)])
    return algorithm.digest_of(parts)


def identity(image: Image, file: str = "") -> Program:
    """What the program says it is: its SBAT section, else the version strings of shim, systemd and Linux."""
    found = _sbat(image)
    if found is not None:
        return Program(*found, file)
    shim = _SHIM.search(image.data)
    if shim is not None:
        return Program("shim", shim[1].decode(), file)
    loader = _LOADER.search(image.data)
    if loader is not None:
        return Program(loader[1].decode(), loader[2].decode(), file)
    return (
        Program("linux", kernel, file) if (kernel := _kernel(image.data)) else Program("", "", file)
    )


def _sbat(image: Image) -> tuple[str, str] | None:
    """Package and version of the distributor's line, else of the project's own (shim, SBAT.md)."""
    for section in image.sections:
        if section.name == ".sbat" and section.size <= _MAX_SBAT:
            text = image.data[section.start : section.start + section.size]
            rows = [
                line.split(",")
                for line in text.rstrip(b"\0").decode("utf-8", "replace").split("\n")
            ]
            rows = [row for row in rows if len(row) >= _SBAT_FIELDS and row[0] != "sbat"]
            theirs = [row for row in rows if "." in row[0]]
            for row in (*theirs, *rows):
                return clean(row[3], 40), clean(row[4], 60)
    return None


def _kernel(data: bytes) -> str:
    """The release of a Linux kernel with an EFI stub (Linux, Documentation/arch/x86/boot.rst)."""
    if data[_LINUX_AT : _LINUX_AT + 4] != _LINUX:
        return ""
    place = int.from_bytes(data[0x20E:0x210], "little") + 0x200
    text = data[place : place + 120].split(b"\0")[0].decode("ascii", errors="replace")
    return clean(text.split(" ")[0], 60)
