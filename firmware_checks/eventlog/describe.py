"""Says in words what each event of a log measured, and whether its digest fits its data."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog import events as kinds
from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.device_path import file_of, path_text
from firmware_checks.eventlog.events import Event
from firmware_checks.eventlog.loaders import (
    is_command,
    loader_text,
    measured_texts,
    tagged_text,
)
from firmware_checks.eventlog.notes import (
    blob_text,
    machine_text,
    note_text,
    post_text,
    tables_text,
)
from firmware_checks.eventlog.variables import (
    SHIM,
    partitions_text,
    read_variable,
    variable_text,
)
from firmware_checks.eventlog.wording import clean, text_of, text_or_size

MAX_WORDS: Final = 400
_SHOWN_BYTES: Final = 16
_IMAGES: Final = frozenset(
    {
        kinds.BOOT_SERVICES_APPLICATION,
        kinds.BOOT_SERVICES_DRIVER,
        kinds.RUNTIME_SERVICES_DRIVER,
    },
)
# Types whose digest is, by the profile, the hash of exactly the event field. Others measure a
# code image, a blob or a part of the field, so their data cannot be compared.
_SELF_MEASURED: Final = frozenset(
    {
        kinds.SEPARATOR,
        kinds.CRTM_VERSION,
        kinds.EFI_ACTION,
        kinds.VARIABLE_DRIVER_CONFIG,
        kinds.GPT_EVENT,
    },
)


_MAYBE_MEASURED: Final = frozenset({kinds.ACTION, kinds.NONHOST_INFO, kinds.COMPACT_HASH})


def describe(event: Event) -> str:
    """One line about the event, Chinese and English, without control characters.

    Never fails: data that does not have the form of its type is said to be so.
    """
    try:
        return clean(_words(event), MAX_WORDS)
    except EventLogMalformed:
        return "内容不合其类型的格式 data not in the form of its type"


def digest_fits(event: Event) -> bool | None:
    """Whether every digest is the hash of the event data; None where the type hashes other data.

    True binds the words to the measurement. False means that the log does not say what was measured.
    """
    candidates, strict = _measured(event)
    computable = [digest for digest in event.digests if digest.algorithm.computable]
    if not computable or not candidates:
        return None
    fits = any(
        all(digest.algorithm.digest(data) == digest.value for digest in computable)
        for data in candidates
    )
    return fits if fits or strict else None


def program_file(event: Event) -> str:
    r"""The file that a UEFI program was loaded from, such as "\EFI\debian\shimx64.efi"; may be empty."""
    if event.kind not in _IMAGES:
        return ""
    try:
        return file_of(_image_path(event.data)[1])
    except EventLogMalformed:
        return ""


def is_program(event: Event) -> bool:
    """Whether the event measures a UEFI program: its digest is then the Authenticode one."""
    return event.kind in _IMAGES


def _measured(event: Event) -> tuple[tuple[bytes, ...], bool]:
    """What the digest may be the hash of, and whether it must be one of these."""
    whole = (event.data,)
    if event.kind in _SELF_MEASURED:
        return whole, True
    if event.kind == kinds.VARIABLE_AUTHORITY:
        # Old versions of shim hashed something else for the key that is built into them.
        return whole, not _of_shim(event.data)
    if event.kind == kinds.IPL:
        return measured_texts(event.data), is_command(event.data)
    if event.kind in {kinds.VARIABLE_BOOT, kinds.VARIABLE_BOOT2}:
        # Firmware measures the value alone (EDK II), or all of it (the profile from 1.06 on).
        return whole + _value(event.data), True
    return (whole, False) if event.kind in _MAYBE_MEASURED else ((), False)


def _value(data: bytes) -> tuple[bytes, ...]:
    try:
        return (read_variable(data).value,)
    except EventLogMalformed:
        return ()


def _of_shim(data: bytes) -> bool:
    return data.startswith(SHIM.bytes_le)


def _words(event: Event) -> str:
    teller = _TELLERS.get(event.kind)
    if teller is not None:
        return teller(event)
    return text_or_size(event.data) or event.type_name


def _image_path(data: bytes) -> tuple[int, bytes]:
    """UEFI_IMAGE_LOAD_EVENT: address, length, link-time address, length of path, path."""
    cursor = Cursor(data)
    cursor.take(8, "the address of the image")
    length = cursor.number(8, "the length of the image")
    cursor.take(8, "the link-time address")
    path_length = cursor.number(8, "the length of the device path")
    return length, cursor.take(path_length, "the device path")


def _image(event: Event) -> str:
    length, path = _image_path(event.data)
    shown = path_text(path, 300)
    kind = _IMAGE_WORDS[event.kind]
    return f"{kind}, {length} bytes{': ' + shown if shown else ''}"


def _separator(event: Event) -> str:
    value = event.data[:_SHOWN_BYTES]
    if value == b"\1\0\0\0":
        return "分隔标记:固件报告出错 separator: the firmware reports an error"
    return f"分隔标记 separator {value.hex()}"


def _with(meaning: str, told: Callable[[bytes], str] = text_or_size) -> Callable[[Event], str]:
    def words(event: Event) -> str:
        text = told(event.data)
        return f"{meaning}: {text}" if text else meaning

    return words


def _crtm(data: bytes) -> str:
    text = text_of(data)
    if not text and len(data) == 16:  # noqa: PLR2004 - a GUID
        return str(Cursor(data).guid("the GUID of the version"))
    return text or text_or_size(data)


_IMAGE_WORDS: Final = MappingProxyType(
    {
        kinds.BOOT_SERVICES_APPLICATION: "UEFI 程序 program",
        kinds.BOOT_SERVICES_DRIVER: "UEFI 启动驱动 boot driver",
        kinds.RUNTIME_SERVICES_DRIVER: "UEFI 运行驱动 runtime driver",
    },
)
_TELLERS: Final[Mapping[int, Callable[[Event], str]]] = MappingProxyType(
    {
        kinds.NO_ACTION: lambda event: note_text(event.data),
        kinds.SEPARATOR: _separator,
        kinds.POST_CODE: _with("固件代码 firmware code", post_text),
        kinds.POST_CODE2: _with(
            "固件代码 firmware code", lambda data: blob_text(data, described=True)
        ),
        kinds.ACTION: _with("固件动作 firmware action"),
        kinds.EVENT_TAG: lambda event: tagged_text(event.data),
        kinds.CRTM_CONTENTS: _with("可信根固件 root-of-trust firmware", post_text),
        kinds.CRTM_VERSION: _with("固件可信根版本 version of the root-of-trust firmware", _crtm),
        kinds.CPU_MICROCODE: _with("处理器微码 processor microcode"),
        kinds.PLATFORM_CONFIG: _with("平台配置 platform configuration"),
        kinds.TABLE_OF_DEVICES: _with("设备表 table of devices"),
        kinds.COMPACT_HASH: _with("固件自定义度量 measurement of the firmware's own"),
        kinds.IPL: lambda event: loader_text(event.pcr, event.data),
        kinds.IPL_PARTITION: _with("引导分区 boot partition"),
        kinds.NONHOST_CODE: _with("其他处理器的代码 code of another processor"),
        kinds.NONHOST_CONFIG: _with("其他处理器的配置 configuration of another processor"),
        kinds.NONHOST_INFO: _with("平台信息 the platform", machine_text),
        kinds.OMIT_BOOT_DEVICES: _with("不度量启动尝试 boot attempts are not measured"),
        kinds.VARIABLE_DRIVER_CONFIG: lambda event: variable_text(event.data, authority=False),
        kinds.VARIABLE_BOOT: lambda event: variable_text(event.data, authority=False),
        kinds.VARIABLE_BOOT2: lambda event: variable_text(event.data, authority=False),
        kinds.VARIABLE_AUTHORITY: lambda event: variable_text(event.data, authority=True),
        kinds.BOOT_SERVICES_APPLICATION: _image,
        kinds.BOOT_SERVICES_DRIVER: _image,
        kinds.RUNTIME_SERVICES_DRIVER: _image,
        kinds.GPT_EVENT: _with("磁盘分区表 disk partition table", partitions_text),
        kinds.GPT_EVENT2: _with("磁盘分区表 disk partition table", partitions_text),
        kinds.EFI_ACTION: _with("固件动作 firmware action"),
        kinds.PLATFORM_FIRMWARE_BLOB: _with(
            "平台固件 platform firmware", lambda data: blob_text(data, described=False)
        ),
        kinds.PLATFORM_FIRMWARE_BLOB2: _with(
            "平台固件 platform firmware", lambda data: blob_text(data, described=True)
        ),
        kinds.HANDOFF_TABLES: _with(
            "固件表 firmware tables", lambda data: tables_text(data, described=False)
        ),
        kinds.HANDOFF_TABLES2: _with(
            "固件表 firmware tables", lambda data: tables_text(data, described=True)
        ),
        kinds.HCRTM_EVENT: _with("硬件可信根 hardware root of trust"),
        kinds.SPDM_FIRMWARE_BLOB: _with("设备固件 firmware of a device (SPDM)"),
        kinds.SPDM_FIRMWARE_CONFIG: _with("设备配置 configuration of a device (SPDM)"),
        kinds.SPDM_DEVICE_POLICY: _with("设备策略 policy for devices (SPDM)"),
        kinds.SPDM_DEVICE_AUTHORITY: _with("设备证书 authority of a device (SPDM)"),
    },
)
