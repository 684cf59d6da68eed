"""What the firmware itself measures or notes: blobs, tables, post codes, manifests, machine facts."""

from types import MappingProxyType
from typing import Final

from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.replay import STARTUP_LOCALITY
from firmware_checks.eventlog.wording import clean, text_of, text_or_size

_SP800_155: Final = b"SP800-155 Event"
_SIGNATURE: Final = 16
_MAX_TABLES: Final = 16
_BLOB: Final = 16
_GOOGLE: Final = b"GCE NonHostInfo\0"
_GOOGLE_MODES: Final = MappingProxyType(
    {
        0: "无内存加密 no memory encryption",
        1: "AMD SEV",
        2: "AMD SEV-ES",
        3: "Intel TDX",
        4: "AMD SEV-SNP",
    },
)
_LOCATORS: Final = ("raw", "URI", "device path", "UEFI variable")
# Vendor tables by GUID: UEFI 2.10, section 4.6.
_TABLES: Final = MappingProxyType(
    {
        "8868e871-e4f1-11d3-bc22-0080c73c8881": "ACPI 2.0",
        "eb9d2d30-2d88-11d3-9a16-0090273fc14d": "ACPI 1.0",
        "eb9d2d31-2d88-11d3-9a16-0090273fc14d": "SMBIOS",
        "f2fd1544-9794-4a2c-992e-e5bbcf20e394": "SMBIOS 3",
        "eb9d2d2f-2d88-11d3-9a16-0090273fc14d": "MPS",
    },
)


def note_text(data: bytes) -> str:
    """An EV_NO_ACTION event in words: it extends nothing and is told by its signature.

    Raises:
        EventLogMalformed: Shorter than its signature promises.
    """
    if data.startswith(b"Spec ID Event"):
        return f"日志格式 log format: {text_of(data[:15])}"
    if data.startswith(STARTUP_LOCALITY) and len(data) > len(STARTUP_LOCALITY):
        return f"TPM 启动位置 startup locality: {data[len(STARTUP_LOCALITY)]}"
    if data.startswith(_SP800_155):
        return f"固件参考清单 reference manifest of the firmware (SP 800-155): {_manifest(data)}"
    if data.startswith(b"H-CRTM CompMeas"):
        return "硬件可信根的组成 part of the hardware root of trust"
    if data.startswith((b"NvIndexInstance\0", b"NvIndexDynamic\0")):
        return "TPM 存储中的设备度量 device measurement kept in the TPM's own storage"
    return f"未度量的说明 a note that is not measured: {text_or_size(data)}"


def _manifest(data: bytes) -> str:
    """TCG PC Client Platform Firmware Profile 1.06, section 10.4.5.1: Event, Event2 and Event3."""
    cursor = Cursor(data, _SIGNATURE)
    signature = data[:_SIGNATURE].rstrip(b"\0")
    cursor.take(4, "the manufacturer's number")
    manifest = f"RIM {cursor.guid('the GUID of the manifest')}"
    if signature == _SP800_155:
        return manifest
    platform = " ".join(filter(None, (_short(cursor) for _ in range(3))))
    firmware = _short(cursor)
    cursor.take(4, "the firmware manufacturer's number")
    firmware = f"{firmware} {_short(cursor)}".strip()
    told = f"{platform}, 固件 firmware {firmware or '-'}, {manifest}"
    if signature == _SP800_155 + b"2":
        return told
    kind = cursor.number(4, "the kind of the manifest's place")
    place = cursor.take(cursor.number(4, "the length of the place"), "the place")
    named = _LOCATORS[kind] if kind < len(_LOCATORS) else str(kind)
    return f"{told}, {named} {text_or_size(place)}"


def _short(cursor: Cursor) -> str:
    text = cursor.take(cursor.number(1, "the length of a string"), "a string")
    return clean(text.decode("utf-8", errors="replace").replace("\0", " "), 60)


def blob_text(data: bytes, *, described: bool) -> str:
    """UEFI_PLATFORM_FIRMWARE_BLOB (base, length), with a name before it when it is described.

    Raises:
        EventLogMalformed: Shorter than it says.
    """
    cursor = Cursor(data)
    name = ""
    if described:
        size = cursor.number(1, "the length of the name")
        name = clean(cursor.take(size, "the name").decode("utf-8", errors="replace"), 80)
    elif len(data) != _BLOB:
        return text_or_size(data)
    base = cursor.number(8, "the address of the blob")
    length = cursor.number(8, "the length of the blob")
    place = f"{length} bytes at 0x{base:X}"
    return f"{name}, {place}" if name else place


def tables_text(data: bytes, *, described: bool) -> str:
    """UEFI_HANDOFF_TABLE_POINTERS, with a name before them when they are described.

    Raises:
        EventLogMalformed: Shorter than it says.
    """
    cursor = Cursor(data)
    name = ""
    if described:
        size = cursor.number(1, "the length of the name")
        name = clean(cursor.take(size, "the name").decode("utf-8", errors="replace"), 80) + ": "
    count = cursor.number(8, "the number of tables")
    tables = []
    for _ in range(min(count, _MAX_TABLES)):
        guid = str(cursor.guid("the GUID of a table"))
        cursor.take(8, "the address of a table")
        tables.append(_TABLES.get(guid, guid))
    return f"{name}{', '.join(tables) or '-'}"


def machine_text(data: bytes) -> str:
    """EV_NONHOST_INFO: free for the platform; Google's names the memory encryption."""
    if data.startswith(_GOOGLE) and len(data) > len(_GOOGLE):
        mode = data[len(_GOOGLE)]
        return _GOOGLE_MODES.get(mode, f"mode {mode}")
    return text_or_size(data)


def post_text(data: bytes) -> str:
    """EV_POST_CODE: a name such as "ACPI DATA", or the place and length of firmware code."""
    text = text_of(data)
    if len(data) == _BLOB and (not text or "\0" in text):
        return blob_text(data, described=False)
    return text or text_or_size(data)
