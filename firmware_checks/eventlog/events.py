"""The events of a TCG log and the names of their types."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from firmware_checks.eventlog.algorithms import Algorithm

POST_CODE: Final = 0x00000001
NO_ACTION: Final = 0x00000003
SEPARATOR: Final = 0x00000004
ACTION: Final = 0x00000005
EVENT_TAG: Final = 0x00000006
CRTM_CONTENTS: Final = 0x00000007
CRTM_VERSION: Final = 0x00000008
CPU_MICROCODE: Final = 0x00000009
PLATFORM_CONFIG: Final = 0x0000000A
TABLE_OF_DEVICES: Final = 0x0000000B
COMPACT_HASH: Final = 0x0000000C
IPL: Final = 0x0000000D
IPL_PARTITION: Final = 0x0000000E
NONHOST_CODE: Final = 0x0000000F
NONHOST_CONFIG: Final = 0x00000010
NONHOST_INFO: Final = 0x00000011
OMIT_BOOT_DEVICES: Final = 0x00000012
POST_CODE2: Final = 0x00000013
VARIABLE_DRIVER_CONFIG: Final = 0x80000001
VARIABLE_BOOT: Final = 0x80000002
BOOT_SERVICES_APPLICATION: Final = 0x80000003
BOOT_SERVICES_DRIVER: Final = 0x80000004
RUNTIME_SERVICES_DRIVER: Final = 0x80000005
GPT_EVENT: Final = 0x80000006
EFI_ACTION: Final = 0x80000007
PLATFORM_FIRMWARE_BLOB: Final = 0x80000008
HANDOFF_TABLES: Final = 0x80000009
PLATFORM_FIRMWARE_BLOB2: Final = 0x8000000A
HANDOFF_TABLES2: Final = 0x8000000B
VARIABLE_BOOT2: Final = 0x8000000C
GPT_EVENT2: Final = 0x8000000D
HCRTM_EVENT: Final = 0x80000010
VARIABLE_AUTHORITY: Final = 0x800000E0
SPDM_FIRMWARE_BLOB: Final = 0x800000E1
SPDM_FIRMWARE_CONFIG: Final = 0x800000E2
SPDM_DEVICE_POLICY: Final = 0x800000E3
SPDM_DEVICE_AUTHORITY: Final = 0x800000E4

# TCG PC Client Platform Firmware Profile 1.06, section 10.4.1.
TYPE_NAMES = MappingProxyType(
    {
        0x00000000: "EV_PREBOOT_CERT",
        POST_CODE: "EV_POST_CODE",
        0x00000002: "EV_UNUSED",
        NO_ACTION: "EV_NO_ACTION",
        SEPARATOR: "EV_SEPARATOR",
        ACTION: "EV_ACTION",
        EVENT_TAG: "EV_EVENT_TAG",
        CRTM_CONTENTS: "EV_S_CRTM_CONTENTS",
        CRTM_VERSION: "EV_S_CRTM_VERSION",
        CPU_MICROCODE: "EV_CPU_MICROCODE",
        PLATFORM_CONFIG: "EV_PLATFORM_CONFIG_FLAGS",
        TABLE_OF_DEVICES: "EV_TABLE_OF_DEVICES",
        COMPACT_HASH: "EV_COMPACT_HASH",
        IPL: "EV_IPL",
        IPL_PARTITION: "EV_IPL_PARTITION_DATA",
        NONHOST_CODE: "EV_NONHOST_CODE",
        NONHOST_CONFIG: "EV_NONHOST_CONFIG",
        NONHOST_INFO: "EV_NONHOST_INFO",
        OMIT_BOOT_DEVICES: "EV_OMIT_BOOT_DEVICE_EVENTS",
        POST_CODE2: "EV_POST_CODE2",
        VARIABLE_DRIVER_CONFIG: "EV_EFI_VARIABLE_DRIVER_CONFIG",
        VARIABLE_BOOT: "EV_EFI_VARIABLE_BOOT",
        BOOT_SERVICES_APPLICATION: "EV_EFI_BOOT_SERVICES_APPLICATION",
        BOOT_SERVICES_DRIVER: "EV_EFI_BOOT_SERVICES_DRIVER",
        RUNTIME_SERVICES_DRIVER: "EV_EFI_RUNTIME_SERVICES_DRIVER",
        GPT_EVENT: "EV_EFI_GPT_EVENT",
        EFI_ACTION: "EV_EFI_ACTION",
        PLATFORM_FIRMWARE_BLOB: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
        HANDOFF_TABLES: "EV_EFI_HANDOFF_TABLES",
        PLATFORM_FIRMWARE_BLOB2: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        HANDOFF_TABLES2: "EV_EFI_HANDOFF_TABLES2",
        VARIABLE_BOOT2: "EV_EFI_VARIABLE_BOOT2",
        GPT_EVENT2: "EV_EFI_GPT_EVENT2",
        HCRTM_EVENT: "EV_EFI_HCRTM_EVENT",
        VARIABLE_AUTHORITY: "EV_EFI_VARIABLE_AUTHORITY",
        SPDM_FIRMWARE_BLOB: "EV_EFI_SPDM_FIRMWARE_BLOB",
        SPDM_FIRMWARE_CONFIG: "EV_EFI_SPDM_FIRMWARE_CONFIG",
        SPDM_DEVICE_POLICY: "EV_EFI_SPDM_DEVICE_POLICY",
        SPDM_DEVICE_AUTHORITY: "EV_EFI_SPDM_DEVICE_AUTHORITY",
    },
)


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest of one event: its algorithm and `algorithm.size` bytes."""

    algorithm: Algorithm
    value: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log.

    Attributes:
        number: Position in the log, counted from 0 (the Spec ID entry is 0).
        pcr: Register it was extended into, 0 to 23 (0xFFFFFFFF on some EV_NO_ACTION entries).
        kind: TCG event type number.
        digests: One per bank, in the order of the log.
        data: The event field as measured or as described by the firmware.
    """

    number: int
    pcr: int
    kind: int
    digests: tuple[Digest, ...]
    data: bytes

    @property
    def type_name(self) -> str:
        """TCG name of the type, or its number in hexadecimal."""
        return TYPE_NAMES.get(self.kind, f"0x{self.kind:08X}")

    @property
    def extends(self) -> bool:
        """Whether the event changes a register; EV_NO_ACTION never does."""
        return self.kind != NO_ACTION


@dataclass(frozen=True, slots=True)
class EventLog:
    """A parsed log.

    Attributes:
        crypto_agile: True for "Spec ID Event03" logs, False for SHA-1 logs.
        algorithms: The banks the log declares, in order.
        events: Every entry in order.
        padding: Unused filler bytes after the last entry.
    """

    crypto_agile: bool
    algorithms: tuple[Algorithm, ...]
    events: tuple[Event, ...]
    padding: int
