"""Reads a GPU's attestation report: an SPDM 1.1 GET_MEASUREMENTS request and its response."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_checks.errors import EvidenceMalformed

# DMTF DSP0274 1.1, sections 10.11; NVIDIA's opaque fields as nvtrust's verifier names them.
REQUEST: Final = 37
NONCE: Final = 32
SIGNATURE: Final = 96
MAX_BYTES: Final = 0x2000
_VERSION: Final = 0x11
_REQUEST_CODE: Final = 0xE0
_RESPONSE_CODE: Final = 0x60
_DMTF: Final = 1
_DIGEST: Final = 48
_DRIVER: Final = 3
_VBIOS: Final = 6
_NVDEC: Final = 11
_NVDEC_OFF: Final = 0x55
_IDENTITY: Final = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """A report's content; nothing of it is trusted before its signature was verified.

    Attributes:
        nonce: What the asker drew, 32 bytes.
        measurements: Index, counted from 0 as manifests do -> value in hex.
        driver: Version of the driver that loaded the GPU's firmware.
        vbios: Version of its VBIOS, "96.00.9F.00.01".
        decoder_off: Whether the video decoder is off; measurement 35 then tells nothing.
        identity: Digest of the firmware layer whose key signs; also stands in its certificate.
        signed: The bytes under the signature.
        signature: Two numbers of 48 bytes.
    """

    nonce: bytes
    measurements: Mapping[int, str]
    driver: str
    vbios: str
    decoder_off: bool
    identity: bytes
    signed: bytes
    signature: bytes


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise EvidenceMalformed(reason=f"the report is cut off at byte {self._at}")
        found = self._data[self._at : self._at + count]
        self._at += count
        return found

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")


def parse(data: bytes) -> Measured:
    """Reads a report as NVML gives it.

    Raises:
        EvidenceMalformed: It is cut off, too large, or not in this form.
    """
    if len(data) > MAX_BYTES:
        raise EvidenceMalformed(reason="the report is too large")
    cursor = _Bytes(data)
    request = cursor.take(REQUEST)
    if request[0] != _VERSION or request[1] != _REQUEST_CODE:
        raise EvidenceMalformed(reason="it does not begin with an SPDM 1.1 request")
    version, code, _, _, blocks, low, high = struct.unpack("<BBBBBHB", cursor.take(8))
    if version != _VERSION or code != _RESPONSE_CODE:
        raise EvidenceMalformed(reason="no SPDM 1.1 measurements follow the request")
    measurements = _measurements(cursor.take(low | high << 16), blocks)
    cursor.take(NONCE)
    opaque = _opaque(cursor.take(cursor.number(2)))
    signature = cursor.take(SIGNATURE)
    if cursor.left:
        raise EvidenceMalformed(reason=f"{cursor.left} bytes stand behind the report")
    return Measured(
        nonce=request[4 : 4 + NONCE],
        measurements=measurements,
        driver=opaque.get(_DRIVER, b"").rstrip(b"\0").decode("ascii", "replace"),
        vbios=vbios_version(opaque.get(_VBIOS, b"")),
        decoder_off=opaque.get(_NVDEC, b"")[:1] == bytes([_NVDEC_OFF]),
        identity=opaque.get(_IDENTITY, b""),
        signed=data[: len(data) - SIGNATURE],
        signature=signature,
    )


def _measurements(record: bytes, blocks: int) -> dict[int, str]:
    cursor = _Bytes(record)
    found: dict[int, str] = {}
    for _ in range(blocks):
        index, form = cursor.number(1), cursor.number(1)
        body = _Bytes(cursor.take(cursor.number(2)))
        body.take(1)
        value = body.take(body.number(2))
        if form != _DMTF or body.left or len(value) != _DIGEST or not index or index - 1 in found:
            raise EvidenceMalformed(reason=f"measurement block {index} is malformed")
        found[index - 1] = value.hex()
    if cursor.left or not found:
        raise EvidenceMalformed(reason="the measurement record has a wrong length")
    return found


def _opaque(data: bytes) -> dict[int, bytes]:
    cursor = _Bytes(data)
    found: dict[int, bytes] = {}
    while cursor.left:
        kind = cursor.number(2)
        value = cursor.take(cursor.number(2))
        if kind in found:
            raise EvidenceMalformed(reason=f"field {kind} stands twice")
        found[kind] = value
    return found


def vbios_version(field: bytes) -> str:
    """The version behind the bytes 00 9f 00 96 01 00 00 00, a number and one more: 96.00.9F.00.01."""
    if len(field) < 5:  # noqa: PLR2004 - the number and its byte
        raise EvidenceMalformed(reason="the report names no VBIOS")
    return ".".join(f"{byte:02X}" for byte in (*reversed(field[:4]), field[4]))
