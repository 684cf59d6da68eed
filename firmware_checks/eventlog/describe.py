"""Says in words what each event of a log measured, and whether its digest fits its data."""

from typing import Final
from uuid import UUID

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.events import (
    BOOT_SERVICES_APPLICATION,
    BOOT_SERVICES_DRIVER,
    CRTM_VERSION,
    EFI_ACTION,
    GPT_EVENT,
    HCRTM_EVENT,
    IPL,
    NO_ACTION,
    PLATFORM_FIRMWARE_BLOB,
    RUNTIME_SERVICES_DRIVER,
    SEPARATOR,
    VARIABLE_AUTHORITY,
    VARIABLE_BOOT,
    VARIABLE_DRIVER_CONFIG,
    Event,
)
from firmware_checks.eventlog.replay import STARTUP_LOCALITY

MAX_TEXT: Final = 200
MAX_PATH: Final = 4096
_VARIABLE_BOOT2: Final = 0x8000000C
_GPT2: Final = 0x8000000D
_VARIABLES: Final = frozenset(
    {VARIABLE_DRIVER_CONFIG, VARIABLE_BOOT, _VARIABLE_BOOT2, VARIABLE_AUTHORITY},
)
_IMAGES: Final = frozenset(
    {BOOT_SERVICES_APPLICATION, BOOT_SERVICES_DRIVER, RUNTIME_SERVICES_DRIVER},
)
# Types whose digest is, by the profile, the hash of exactly the event field. Others measure a
# code image, a blob or a part of the field, so their data cannot be compared.
_SELF_MEASURED: Final = frozenset(
    {SEPARATOR, CRTM_VERSION, EFI_ACTION, VARIABLE_DRIVER_CONFIG, GPT_EVENT},
)
_MEANINGS: Final = {
    SEPARATOR: "分隔标记 separator",
    CRTM_VERSION: "固件可信根版本 version of the root-of-trust firmware",
    PLATFORM_FIRMWARE_BLOB: "平台固件 platform firmware",
    HCRTM_EVENT: "硬件可信根 hardware root of trust",
    GPT_EVENT: "磁盘分区表 disk partition table",
    _GPT2: "磁盘分区表 disk partition table",
    IPL: "引导程序 boot loader",
    EFI_ACTION: "固件动作 firmware action",
}


def describe(event: Event) -> str:
    """One line about the event, Chinese and English, without control characters.

    Never fails: data that does not have the form of its type is said to be so.
    """
    try:
        return _words(event)
    except EventLogMalformed:
        return "内容不合其类型的格式 data not in the form of its type"


def digest_fits(event: Event) -> bool | None:
    """Whether every digest is the hash of the event data; None where the type hashes other data."""
    if event.kind not in _SELF_MEASURED:
        return None
    computable = [digest for digest in event.digests if digest.algorithm.computable]
    if not computable:
        return None
    return all(digest.algorithm.digest(event.data) == digest.value for digest in computable)


def _words(event: Event) -> str:
    if event.kind == NO_ACTION:
        return _no_action(event.data)
    if event.kind in _VARIABLES:
        return _variable(event.data)
    if event.kind in _IMAGES:
        return _image(event.data)
    meaning = _MEANINGS.get(event.kind, "")
    if event.kind == SEPARATOR:
        return f"{meaning} {event.data[:16].hex()}"
    text = _text(event.data)
    return f"{meaning}: {text}" if meaning and text else meaning or text or event.type_name


def _no_action(data: bytes) -> str:
    if data.startswith(b"Spec ID Event"):
        return f"日志格式 log format: {_text(data[:15])}"
    if data.startswith(STARTUP_LOCALITY) and len(data) > len(STARTUP_LOCALITY):
        return f"TPM 启动位置 startup locality: {data[len(STARTUP_LOCALITY)]}"
    if data.startswith(b"SP800-155 Event"):
        return "固件参考清单 reference manifest of the firmware (SP 800-155)"
    return f"未度量的说明 a note that is not measured: {_text(data)}"


def _variable(data: bytes) -> str:
    """UEFI_VARIABLE_DATA: GUID, length of the name in characters, length of the data, both."""
    cursor = Cursor(data)
    owner = UUID(bytes_le=cursor.take(16, "the GUID of the variable"))
    name_length = cursor.number(8, "the length of the name")
    value_length = cursor.number(8, "the length of the value")
    name = cursor.take(2 * name_length, "the name").decode("utf-16-le", errors="replace")
    value = cursor.take(value_length, "the value")
    shown = f" = {value[0]}" if len(value) == 1 else f", {len(value)} bytes"
    return f"UEFI 变量 variable {_clean(name)} ({owner}){shown}"


def _image(data: bytes) -> str:
    """UEFI_IMAGE_LOAD_EVENT: address, length, link-time address, length of path, path."""
    cursor = Cursor(data)
    cursor.take(8, "the address of the image")
    length = cursor.number(8, "the length of the image")
    cursor.take(8, "the link-time address")
    path_length = cursor.number(8, "the length of the device path")
    path = _file_path(cursor.take(path_length, "the device path"))
    return f"UEFI 程序 program, {length} bytes{': ' + path if path else ''}"


def _file_path(path: bytes) -> str:
    """The file names in a UEFI device path (type 4, subtype 4), joined; a long one is not followed."""
    if len(path) > MAX_PATH:
        return f"path of {len(path)} bytes"
    cursor = Cursor(path)
    names: list[str] = []
    while cursor.left:
        kind = cursor.number(1, "the node type")
        subtype = cursor.number(1, "the node subtype")
        length = cursor.number(2, "the node length")
        if length < 4:  # noqa: PLR2004 - a node is at least its own header
            raise cursor.refuse("a device path node is shorter than its header")
        body = cursor.take(length - 4, "the device path node")
        if (kind, subtype) == (4, 4):
            names.append(_clean(body.decode("utf-16-le", errors="replace")))
    return "".join(names)[:MAX_TEXT]


def _text(data: bytes) -> str:
    """Printable text of the data (UTF-16 or ASCII), or its length when it is binary."""
    head = data[: 4 * MAX_TEXT]
    wide = len(head) >= 4 and not any(head[1::2])  # noqa: PLR2004 - two characters say it is UTF-16
    text = head.decode("utf-16-le" if wide else "utf-8", errors="replace").rstrip("\0 \n")
    if not text or "�" in text or "\0" in text:
        return f"{len(data)} bytes" if data else ""
    return _clean(text)


def _clean(text: str) -> str:
    """Without control characters: a log must not steer the terminal it is shown on."""
    head = text[:MAX_TEXT].rstrip("\0")
    return "".join(letter if letter.isprintable() else " " for letter in head).strip()
