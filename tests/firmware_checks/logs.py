"""Builds event logs byte by byte, and replays them by a second, independent reckoning."""

import hashlib
import struct

SIZES = {0x0004: 20, 0x000B: 32, 0x000C: 48}
HASHES = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384"}
NAMES = {0x0004: "SHA1", 0x000B: "SHA256", 0x000C: "SHA384"}


def digest_of(bank, data):
    return hashlib.new(HASHES[bank], data).digest()


def sha1_event(pcr, kind, digest, data):
    return struct.pack("<II", pcr, kind) + digest + struct.pack("<I", len(data)) + data


def spec_id(banks, *, signature=b"Spec ID Event03\0", sizes=SIZES, count=None, vendor=b""):
    body = signature + struct.pack("<IBBBB", 0, 0, 2, 0, 2)
    body += struct.pack("<I", len(banks) if count is None else count)
    for bank in banks:
        body += struct.pack("<HH", bank, sizes[bank])
    return sha1_event(0, 3, bytes(20), body + bytes([len(vendor)]) + vendor)


def agile_event(pcr, kind, data, banks, *, count=None, measured=None):
    digests = b"".join(
        struct.pack("<H", bank)
        + hashlib.new(HASHES[bank], data if measured is None else measured).digest()
        for bank in banks
    )
    head = struct.pack("<III", pcr, kind, len(banks) if count is None else count)
    return head + digests + struct.pack("<I", len(data)) + data


def locality_event(value, banks, *, pcr=0):
    digests = b"".join(struct.pack("<H", bank) + bytes(SIZES[bank]) for bank in banks)
    data = b"StartupLocality\0" + value
    return struct.pack("<III", pcr, 3, len(banks)) + digests + struct.pack("<I", len(data)) + data


def boot_log(banks=(0x0004, 0x000B), *, locality=None, app=b"shim 15.8"):
    """A small whole boot: CRTM, Secure Boot variable, a program, and the separators."""
    log = spec_id(banks)
    if locality is not None:
        log += locality_event(bytes([locality]), banks)
    for pcr, kind, data in boot_events(app):
        log += agile_event(pcr, kind, data, banks)
    return log


def boot_events(app=b"shim 15.8"):
    return [
        (0, 0x00000008, "1.2.3".encode("utf-16-le")),
        (7, 0x80000001, b"Secure Boot variable"),
        (4, 0x00000005, app),
        *[(pcr, 0x00000004, bytes(4)) for pcr in range(8)],
    ]


def expected(bank, *, locality=0, app=b"shim 15.8"):
    """PCR -> hex, reckoned without the code under test."""
    values = {}
    for pcr, _, data in boot_events(app):
        size = SIZES[bank]
        old = values.get(pcr, bytes(size - 1) + bytes([locality if pcr == 0 else 0]))
        digest = hashlib.new(HASHES[bank], data).digest()
        values[pcr] = hashlib.new(HASHES[bank], old + digest).digest()
    return {pcr: values[pcr].hex() for pcr in sorted(values)}
