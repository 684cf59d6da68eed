"""The events of a TCG log and the names of their types."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from firmware_checks.eventlog.algorithms import Algorithm

NO_ACTION: Final = 0x00000003
SEPARATOR: Final = 0x00000004
CRTM_VERSION: Final = 0x00000008
IPL: Final = 0x0000000D
VARIABLE_DRIVER_CONFIG: Final = 0x80000001
VARIABLE_BOOT: Final = 0x80000002
BOOT_SERVICES_APPLICATION: Final = 0x80000003
BOOT_SERVICES_DRIVER: Final = 0x80000004
RUNTIME_SERVICES_DRIVER: Final = 0x80000005
GPT_EVENT: Final = 0x80000006
EFI_ACTION: Final = 0x80000007
PLATFORM_FIRMWARE_BLOB: Final = 0x80000008
HCRTM_EVENT: Final = 0x80000010
VARIABLE_AUTHORITY: Final = 0x800000E0

# TCG PC Client Platform Firmware Profile 1.06, section 10.4.1.
TYPE_NAMES = MappingProxyType(
    {
        0x00000000: "EV_PREBOOT_CERT",
        0x00000001: "EV_POST_CODE",
        0x00000002: "EV_UNUSED",
        NO_ACTION: "EV_NO_ACTION",
        SEPARATOR: "EV_SEPARATOR",
        0x00000005: "EV_ACTION",
        0x00000006: "EV_EVENT_TAG",
        0x00000007: "EV_S_CRTM_CONTENTS",
        CRTM_VERSION: "EV_S_CRTM_VERSION",
        0x00000009: "EV_CPU_MICROCODE",
        0x0000000A: "EV_PLATFORM_CONFIG_FLAGS",
        0x0000000B: "EV_TABLE_OF_DEVICES",
        0x0000000C: "EV_COMPACT_HASH",
        IPL: "EV_IPL",
        0x0000000E: "EV_IPL_PARTITION_DATA",
        0x0000000F: "EV_NONHOST_CODE",
        0x00000010: "EV_NONHOST_CONFIG",
        0x00000011: "EV_NONHOST_INFO",
        0x00000012: "EV_OMIT_BOOT_DEVICE_EVENTS",
        0x00000013: "EV_POST_CODE2",
        VARIABLE_DRIVER_CONFIG: "EV_EFI_VARIABLE_DRIVER_CONFIG",
        VARIABLE_BOOT: "EV_EFI_VARIABLE_BOOT",
        BOOT_SERVICES_APPLICATION: "EV_EFI_BOOT_SERVICES_APPLICATION",
        BOOT_SERVICES_DRIVER: "EV_EFI_BOOT_SERVICES_DRIVER",
        RUNTIME_SERVICES_DRIVER: "EV_EFI_RUNTIME_SERVICES_DRIVER",
        GPT_EVENT: "EV_EFI_GPT_EVENT",
        EFI_ACTION: "EV_EFI_ACTION",
        PLATFORM_FIRMWARE_BLOB: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
        0x80000009: "EV_EFI_HANDOFF_TABLES",
        0x8000000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        0x8000000B: "EV_EFI_HANDOFF_TABLES2",
        0x8000000C: "EV_EFI_VARIABLE_BOOT2",
        0x8000000D: "EV_EFI_GPT_EVENT2",
        HCRTM_EVENT: "EV_EFI_HCRTM_EVENT",
        VARIABLE_AUTHORITY: "EV_EFI_VARIABLE_AUTHORITY",
        0x800000E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
        0x800000E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
        0x800000E3: "EV_EFI_SPDM_DEVICE_POLICY",
        0x800000E4: "EV_EFI_SPDM_DEVICE_AUTHORITY",
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
