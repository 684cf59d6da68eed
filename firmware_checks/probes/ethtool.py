"""Asks the kernel which firmware a network card runs (the ETHTOOL_GDRVINFO question)."""

import ctypes
import fcntl
import socket
import struct
from typing import Final

from firmware_checks.facts import Reading, Reason, Unread

# linux/sockios.h, linux/ethtool.h: command, then driver, version, fw_version, bus_info, ...
_SIOCETHTOOL: Final = 0x8946
_GDRVINFO: Final = 0x00000003
_SIZE: Final = 196
_FIRMWARE: Final = slice(68, 100)
_NAME: Final = 15


def nic_firmware(name: str) -> Reading[str]:
    """The version of the firmware of one network interface; needs no rights."""
    source = f"ethtool {name}"
    if len(name) > _NAME:
        return Unread(Reason.MALFORMED, source, "the name is too long")
    answer = ctypes.create_string_buffer(struct.pack("<I", _GDRVINFO), _SIZE)
    request = struct.pack("16sP", name.encode(), ctypes.addressof(answer))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
            fcntl.ioctl(handle, _SIOCETHTOOL, request)
    except OSError as error:
        return Unread(Reason.FAILED, source, error.strerror or type(error).__name__)
    version = answer.raw[_FIRMWARE].split(b"\0", 1)[0].decode(errors="replace").strip()
    if not version or version.upper() == "N/A":
        return Unread(Reason.UNSUPPORTED, source, "the driver tells no firmware version")
    return version
