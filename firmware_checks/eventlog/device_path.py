"""UEFI device paths as text, in the forms of UEFI 2.10, section 10.6.1.6."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.wording import clean, wide_text

MAX_PATH: Final = 4096
MAX_NODES: Final = 24
_HEADER: Final = 4
_END: Final = 0x7F
_END_INSTANCE: Final = 0x01
_FILE_PATH: Final = (4, 4)
_PNP: Final = 0x41D0
_GPT: Final = 2
_SHOWN_BYTES: Final = 16


def path_text(path: bytes, longest: int = 400) -> str:
    r"""The path as a person writes it: "PciRoot(0x0)/Pci(0x1F,0x2)/.../\EFI\debian\shimx64.efi".

    Args:
        path: The bytes of an EFI_DEVICE_PATH_PROTOCOL; one above 4096 bytes or 24 nodes is not followed.
        longest: Characters kept.

    Raises:
        EventLogMalformed: A node is cut off or shorter than its header.
    """
    if len(path) > MAX_PATH:
        return f"path of {len(path)} bytes"
    nodes = _nodes(path)
    if nodes is None:
        return f"path of more than {MAX_NODES} nodes"
    shown: list[str] = []
    for kind, subtype, body in nodes:
        if kind == _END:
            separator = "," if subtype == _END_INSTANCE else ""
        else:
            separator = "/" if shown and shown[-1] != "," else ""
            separator += _node(kind, subtype, body)
        shown.append(separator)
    return clean("".join(shown), longest)


def file_of(path: bytes) -> str:
    r"""The file that the path leads to, such as "\EFI\debian\shimx64.efi"; empty when it names none.

    Raises:
        EventLogMalformed: A node is cut off or shorter than its header.
    """
    nodes = _nodes(path) if len(path) <= MAX_PATH else None
    return "".join(
        wide_text(body) for kind, subtype, body in nodes or () if (kind, subtype) == _FILE_PATH
    )


def _nodes(path: bytes) -> list[tuple[int, int, bytes]] | None:
    cursor = Cursor(path)
    found: list[tuple[int, int, bytes]] = []
    while cursor.left:
        if len(found) == MAX_NODES:
            return None
        kind = cursor.number(1, "the node type")
        subtype = cursor.number(1, "the node subtype")
        length = cursor.number(2, "the node length")
        if length < _HEADER:
            raise cursor.refuse("a device path node is shorter than its header")
        found.append((kind, subtype, cursor.take(length - _HEADER, "the device path node")))
        if kind == _END and subtype != _END_INSTANCE:
            break
    return found


def _node(kind: int, subtype: int, body: bytes) -> str:
    teller = _TELLERS.get((kind, subtype))
    if teller is not None:
        return teller(Cursor(body))
    return f"Path({kind},{subtype},{body[:_SHOWN_BYTES].hex()})"


def _hex(cursor: Cursor, *widths: int) -> list[str]:
    return [f"0x{cursor.number(width, 'a field of the node'):X}" for width in widths]


def _listed(name: str, *widths: int) -> Callable[[Cursor], str]:
    return lambda cursor: f"{name}({','.join(_hex(cursor, *widths))})"


def _named(name: str) -> Callable[[Cursor], str]:
    return lambda cursor: f"{name}({cursor.guid('the GUID of the node')})"


def _pci(cursor: Cursor) -> str:
    function, device = _hex(cursor, 1, 1)
    return f"Pci({device},{function})"


def _acpi(cursor: Cursor) -> str:
    hid = cursor.number(4, "the HID")
    uid = cursor.number(4, "the UID")
    vendor, product = hid & 0xFFFF, hid >> 16
    if vendor != _PNP:
        return f"Acpi(0x{hid:08X},0x{uid:X})"
    known = {0x0A03: "PciRoot", 0x0A08: "PcieRoot", 0x0604: "Floppy"}.get(product)
    return f"{known}(0x{uid:X})" if known else f"Acpi(PNP{product:04X},0x{uid:X})"


def _mac(cursor: Cursor) -> str:
    address = cursor.take(32, "the address")
    kind = cursor.number(1, "the interface type")
    return f"MAC({address[:6].hex()},0x{kind:X})"


def _internet(name: str, width: int) -> Callable[[Cursor], str]:
    def tell(cursor: Cursor) -> str:
        cursor.take(width, "the local address")
        remote = cursor.take(width, "the remote address")
        told = ".".join(map(str, remote)) if width == 4 else remote.hex(":", 2)  # noqa: PLR2004
        return f"{name}({told})"

    return tell


def _nvme(cursor: Cursor) -> str:
    (space,) = _hex(cursor, 4)
    name = cursor.take(8, "the EUI-64")
    return f"NVMe({space},{name[::-1].hex('-').upper()})"


def _uri(cursor: Cursor) -> str:
    return f"Uri({clean(cursor.rest().decode('utf-8', errors='replace'))})"


def _hard_drive(cursor: Cursor) -> str:
    number = cursor.number(4, "the partition number")
    start, size = _hex(cursor, 8, 8)
    signature = cursor.take(16, "the signature of the partition")
    cursor.take(1, "the partition format")
    kind = cursor.number(1, "the signature type")
    if kind == _GPT:
        return f"HD({number},GPT,{Cursor(signature).guid('the GUID')},{start},{size})"
    told = f"MBR,0x{int.from_bytes(signature[:4], 'little'):08X}" if kind == 1 else f"{kind},0"
    return f"HD({number},{told},{start},{size})"


def _cdrom(cursor: Cursor) -> str:
    entry, start, size = _hex(cursor, 4, 8, 8)
    return f"CDROM({entry},{start},{size})"


def _offset(cursor: Cursor) -> str:
    cursor.take(4, "the reserved field")
    start, end = _hex(cursor, 8, 8)
    return f"Offset({start},{end})"


def _file(cursor: Cursor) -> str:
    return wide_text(cursor.rest())


def _legacy(cursor: Cursor) -> str:
    (kind,) = _hex(cursor, 2)
    cursor.take(2, "the status")
    name = cursor.rest().split(b"\0")[0].decode("ascii", errors="replace")
    return f"BBS({kind},{clean(name)})"


_TELLERS: Final[Mapping[tuple[int, int], Callable[[Cursor], str]]] = MappingProxyType(
    {
        (1, 1): _pci,
        (1, 3): _listed("MemoryMapped", 4, 8, 8),
        (1, 4): _named("VenHw"),
        (1, 5): _listed("Ctrl", 4),
        (2, 1): _acpi,
        (2, 3): _listed("AcpiAdr", 4),
        (3, 2): _listed("Scsi", 2, 2),
        (3, 5): _listed("USB", 1, 1),
        (3, 10): _named("VenMsg"),
        (3, 11): _mac,
        (3, 12): _internet("IPv4", 4),
        (3, 13): _internet("IPv6", 16),
        (3, 15): _listed("UsbClass", 2, 2, 1, 1, 1),
        (3, 17): _listed("Unit", 1),
        (3, 18): _listed("Sata", 2, 2, 2),
        (3, 20): _listed("Vlan", 2),
        (3, 23): _nvme,
        (3, 24): _uri,
        (3, 25): _listed("UFS", 1, 1),
        (3, 26): _listed("SD", 1),
        (3, 29): _listed("eMMC", 1),
        (4, 1): _hard_drive,
        (4, 2): _cdrom,
        (4, 3): _named("VenMedia"),
        (4, 4): _file,
        (4, 5): _named("Media"),
        (4, 6): _named("FvFile"),
        (4, 7): _named("Fv"),
        (4, 8): _offset,
        (5, 1): _legacy,
    },
)
