"""UEFI variables in words: switches, Secure Boot keys by name, boot entries, shim's lists."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.device_path import path_text
from firmware_checks.eventlog.signatures import certificate_name, database_text
from firmware_checks.eventlog.wording import clean, counted, text_of, wide_text

_OWNER: Final = 16
_MAX_ORDER: Final = 32
_ENTRY_NAME: Final = 8
SHIM: Final = UUID("605dab50-e046-4300-abb6-3dd810dd8b23")
# The owners that most variables have; any other is named, so that a look-alike is seen.
_KNOWN_OWNERS: Final = frozenset(
    {
        UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c"),  # EFI_GLOBAL_VARIABLE
        UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f"),  # EFI_IMAGE_SECURITY_DATABASE
        SHIM,
    },
)
_MEANINGS: Final = MappingProxyType(
    {
        "SecureBoot": "安全启动 Secure Boot",
        "SetupMode": "设置模式 setup mode",
        "AuditMode": "审计模式 audit mode",
        "DeployedMode": "部署模式 deployed mode",
        "PK": "平台密钥 platform key",
        "KEK": "密钥交换密钥 key exchange keys",
        "db": "允许的签名 allowed signers",
        "dbx": "禁止的签名 forbidden",
        "dbt": "时间戳签名 time-stamp signers",
        "dbr": "恢复签名 recovery signers",
        "BootOrder": "启动顺序 boot order",
        "BootCurrent": "本次启动项 boot entry in use",
        "MokList": "机主密钥 machine owner keys",
        "MokListRT": "机主密钥 machine owner keys",
        "MokListX": "机主禁用 forbidden by the machine owner",
        "MokListXRT": "机主禁用 forbidden by the machine owner",
        "MokListTrusted": "内核信任机主密钥 the kernel trusts the owner's keys",
        "MokListTrustedRT": "内核信任机主密钥 the kernel trusts the owner's keys",
        "MokSBState": "shim 的校验开关 shim's validation switch",
        "SbatLevel": "引导程序撤销级别 revocation level of boot loaders",
        "Shim": "shim 内置密钥 key built into shim",
    },
)
_DATABASES: Final = frozenset(
    {"PK", "KEK", "db", "dbx", "dbt", "dbr", "MokList", "MokListRT", "MokListX", "MokListXRT"},
)


@dataclass(frozen=True, slots=True)
class Variable:
    """UEFI_VARIABLE_DATA: who owns the variable, its name, and its value."""

    owner: UUID
    name: str
    value: bytes


def read_variable(data: bytes) -> Variable:
    """Reads UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile 1.06, section 10.2.6).

    Raises:
        EventLogMalformed: Not of that form.
    """
    cursor = Cursor(data)
    owner = cursor.guid("the GUID of the variable")
    name_length = cursor.number(8, "the length of the name")
    value_length = cursor.number(8, "the length of the value")
    name = cursor.take(2 * name_length, "the name")
    return Variable(owner, wide_text(name, 80), cursor.take(value_length, "the value"))


def variable_text(data: bytes, *, authority: bool) -> str:
    """The variable in words.

    Args:
        data: UEFI_VARIABLE_DATA.
        authority: Whether the value is the one signature that let something start.

    Raises:
        EventLogMalformed: Not of that form.
    """
    found = read_variable(data)
    meaning = _MEANINGS.get(found.name, "")
    if authority and found.name != "SbatLevel":
        meaning = f"放行者 allowed by {meaning}" if meaning else "放行者 allowed by"
    elif _is_entry(found.name):
        meaning = "启动项 boot entry"
    owner = "" if found.owner in _KNOWN_OWNERS else f" ({found.owner})"
    named = f"{meaning or 'UEFI 变量 variable'} {found.name}{owner}"
    return f"{named}{_value_text(found, authority=authority)}"


def _value_text(found: Variable, *, authority: bool) -> str:
    value = found.value
    if len(value) == 1:
        return f" = {value[0]}"
    if not value:
        return ": 不存在 absent"
    try:
        told = _told(found, authority=authority)
    except EventLogMalformed:
        told = ""
    return f": {told}" if told else f", {len(value)} bytes"


def _told(found: Variable, *, authority: bool) -> str:
    name, value = found.name, found.value
    if authority:
        return _signer(value)
    if name in _DATABASES:
        return database_text(value)
    if name in {"BootOrder", "BootCurrent"}:
        numbers = [value[at : at + 2] for at in range(0, len(value) - 1, 2)][:_MAX_ORDER]
        return ", ".join(f"Boot{int.from_bytes(number, 'little'):04X}" for number in numbers)
    return load_option_text(value) if _is_entry(name) else text_of(value)


def _is_entry(name: str) -> bool:
    number = name.removeprefix("Boot")
    return (
        len(name) == _ENTRY_NAME
        and number != name
        and not set(number) - set("0123456789ABCDEFabcdef")
    )


def _signer(value: bytes) -> str:
    """EFI_SIGNATURE_DATA (owner, certificate), a bare certificate, or text such as SBAT levels."""
    text = text_of(value)
    if text:
        return text
    name = certificate_name(value[_OWNER:]) or certificate_name(value)
    if name:
        return name
    if len(value) == _OWNER + 32:
        return f"SHA-256 {value[_OWNER:].hex()}"
    return ""


def load_option_text(value: bytes) -> str:
    """EFI_LOAD_OPTION: what the firmware's menu calls it, and where it lies.

    Raises:
        EventLogMalformed: The device path is cut off.
    """
    cursor = Cursor(value)
    active = cursor.number(4, "the attributes") & 1
    path_length = cursor.number(2, "the length of the path")
    rest = cursor.rest()
    end = next((at for at in range(0, len(rest) - 1, 2) if rest[at : at + 2] == b"\0\0"), -1)
    if end < 0:
        raise cursor.refuse("the description of the boot entry does not end")
    path = path_text(rest[end + 2 : end + 2 + path_length], 200)
    switched = "" if active else " (停用 off)"
    return (
        f"{clean(rest[:end].decode('utf-16-le', errors='replace'), 80)}{switched} {path}".rstrip()
    )


def partitions_text(data: bytes) -> str:
    """UEFI_GPT_DATA: the disk's GUID and the names of its partitions.

    Raises:
        EventLogMalformed: Not a GPT header with its entries.
    """
    cursor = Cursor(data)
    if cursor.take(8, "the GPT signature") != b"EFI PART":
        raise cursor.refuse("this is no GPT header")
    cursor.take(48, "the GPT header")
    disk = cursor.guid("the GUID of the disk")
    cursor.take(12, "the place of the entries")
    each = cursor.number(4, "the size of an entry")
    cursor.take(4, "the checksum of the entries")
    count = cursor.number(8, "the number of partitions")
    names = []
    for _ in range(min(count, _MAX_ORDER)):
        entry = cursor.take(each, "a partition")
        names.append(wide_text(entry[56:128], 36) or "-")
    told = counted(count, "个分区", "partition", "partitions")
    return f"{disk}, {told}: {', '.join(names)}" if names else f"{disk}, {told}"
