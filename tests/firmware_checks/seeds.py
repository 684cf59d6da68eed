"""Seeds for breaking: event logs, IMA lists, quotes and EFI programs, made here and recorded elsewhere."""

import random
import struct
from pathlib import Path

from tests.firmware_checks.logs import agile_event, boot_log, digest_of, sha1_event, spec_id

SHA1, SHA256, SHA384 = 0x0004, 0x000B, 0x000C
_HEADER = 12


def recorded_logs(data):
    """Every recorded event log, by name."""
    folder = data / "fixtures/tpm-eventlogs"
    files = [
        *folder.glob("*.bin"),
        *(folder / "go-tpm-tools").glob("*.bin"),
        *(folder / "tpm2-tools").glob("event-*.bin"),
        *(folder / "tpm2-tools").glob("specid-*.bin"),
    ]
    return {path.name: path.read_bytes() for path in sorted(files)}


def event_logs(data: Path):
    """Logs of every form that there is."""
    made = [boot_log((SHA256,)), boot_log((SHA1, SHA256, SHA384), locality=3), words_log()]
    made.append(
        b"".join(sha1_event(4, 13, digest_of(SHA1, b"x"), b"grub_cmd: ls\0") for _ in range(9))
    )
    made.append(confidential_log()[0])
    return [*made, *recorded_logs(data).values()]


def few_events(log: bytes, chance: random.Random):
    """The head of a crypto-agile log and some of its events: what is broken is met sooner."""
    ends = _ends(log)
    if len(ends) < 4:
        return log
    first = chance.randrange(1, len(ends) - 1)
    last = min(len(ends) - 1, first + chance.randint(1, 6))
    return log[: ends[0]] + log[ends[first] : ends[last]]


def _ends(log: bytes):
    """Where the events of a log end, as far as it is lawful."""
    if len(log) < 32:
        return []
    at = 32 + int.from_bytes(log[28:32], "little")
    found, sizes = [at], {SHA1: 20, SHA256: 32, SHA384: 48, 0x000D: 64}
    while at + _HEADER < len(log):
        count = int.from_bytes(log[at + 8 : at + 12], "little")
        place = at + _HEADER
        for _ in range(min(count, 8)):
            place += 2 + sizes.get(int.from_bytes(log[place : place + 2], "little"), 32)
        place += 4 + int.from_bytes(log[place : place + 4], "little")
        if not count or place > len(log):
            break
        found.append(place)
        at = place
    return found


def confidential_log():
    """The log of a TDX guest and its RTMRs, reckoned here: index 1 to 4 are RTMR 0 to 3."""
    import hashlib

    events = [
        (1, 0x0000000A, b"td_hob\0"),
        (1, 0x80000001, variable("SecureBoot", b"\1")),
        (1, 4, bytes(4)),
        (2, 0x80000003, image(r"\EFI\debian\shimx64.efi")),
        (3, 0x0000000D, b"kernel_cmdline: /vmlinuz root=/dev/vda1\0"),
    ]
    log = spec_id((SHA384,), sizes={SHA384: 48})
    values = dict.fromkeys(range(4), bytes(48))
    for index, kind, data in events:
        log += agile_event(index, kind, data, (SHA384,))
        digest = hashlib.sha384(data).digest()
        values[index - 1] = hashlib.sha384(values[index - 1] + digest).digest()
    return log, {number: value.hex() for number, value in values.items()}


def variable(name, value, owner=bytes(16)):
    wide = name.encode("utf-16-le")
    return owner + struct.pack("<QQ", len(wide) // 2, len(value)) + wide + value


def image(file, *nodes):
    wide = (file + "\0").encode("utf-16-le")
    path = b"".join(nodes) + struct.pack("<BBH", 4, 4, 4 + len(wide)) + wide + b"\x7f\xff\4\0"
    return struct.pack("<QQQQ", 0x1000, 4096, 0, len(path)) + path


def gpt(*names):
    header = (
        b"EFI PART" + bytes(48) + bytes(range(16)) + bytes(12) + struct.pack("<I", 128) + bytes(4)
    )
    entries = b"".join(bytes(56) + name.encode("utf-16-le").ljust(72, b"\0") for name in names)
    return header + struct.pack("<Q", len(names)) + entries


def signature_list(kind, *datas):
    each = 16 + len(datas[0])
    body = b"".join(bytes(16) + data for data in datas)
    return kind + struct.pack("<III", 28 + len(body), 0, each) + body


SHA256_LIST = bytes.fromhex("2616c4c14c509240aca941f936934328")
X509_LIST = bytes.fromhex("a159c0a5e494a74a87b5ab155c2bf072")


def certificate(name):
    """The shape of a certificate: enough for its name to be read."""

    def der(tag, *parts):
        body = b"".join(parts)
        return bytes([tag, 0x82]) + len(body).to_bytes(2, "big") + body

    def named(text):
        pair = der(0x30, b"\x06\x03\x55\x04\x03", der(0x0C, text.encode()))
        return der(0x30, der(0x31, pair))

    whole = der(
        0x30,
        b"\xa0\x03\x02\x01\x02",
        b"\x02\x01\x01",
        der(0x30),
        named("issuer"),
        der(0x30),
        named(name),
    )
    return der(0x30, whole)


def load_option(description, path=b"", active=1):
    wide = description.encode("utf-16-le") + b"\0\0"
    return struct.pack("<IH", active, len(path)) + wide + path


def words_log():
    """One event of every kind that has words of its own."""
    events = [
        (0, 8, "1.2.3\0".encode("utf-16-le")),
        (0, 0x0A, b"td_hob\0"),
        (0, 0x8000000A, b"\x05Blob1" + struct.pack("<QQ", 0xFFC00000, 4096)),
        (0, 0x80000008, struct.pack("<QQ", 0xFFC00000, 4096)),
        (0, 1, b"ACPI DATA"),
        (1, 0x80000009, struct.pack("<Q", 1) + bytes(24)),
        (1, 0x8000000B, b"\x04ABCD" + struct.pack("<Q", 1) + bytes(24)),
        (1, 0x80000002, variable("BootOrder", b"\0\0\1\0")),
        (1, 0x80000002, variable("Boot0001", load_option("debian"))),
        (7, 0x80000001, variable("SecureBoot", b"\1")),
        (7, 0x80000001, variable("db", signature_list(X509_LIST, certificate("Some CA")))),
        (7, 0x80000001, variable("dbx", signature_list(SHA256_LIST, bytes(32), bytes(32)))),
        (7, 0x800000E0, variable("db", bytes(16) + certificate("Some CA"))),
        (7, 0x800000E0, variable("SbatLevel", b"sbat,1,2024010900\nshim,4\n")),
        (4, 0x80000003, image(r"\EFI\debian\shimx64.efi")),
        (5, 0x80000006, gpt("ESP", "root")),
        (5, 0x80000007, b"Calling EFI Application from Boot Option"),
        (8, 13, b"grub_cmd: linux /vmlinuz-6.1.0-13-amd64\0"),
        (8, 13, b"kernel_cmdline: /vmlinuz-6.1.0-13-amd64 ro\0"),
        (9, 13, b"(hd0,gpt1)/vmlinuz-6.1.0-13-amd64\0"),
        (9, 6, struct.pack("<II", 0x8F3B22EC, 13) + b"Linux initrd\0"),
        (11, 13, ".linux\0".encode("utf-16-le")),
        (12, 13, "root=/dev/sda2 ro\0".encode("utf-16-le")),
        (14, 13, b"MokList\0"),
        (0, 17, b"GCE NonHostInfo\0" + b"\4" + bytes(15)),
        (0, 3, b"SP800-155 Event\0" + bytes(20)),
        (0, 3, b"SP800-155 Event3" + bytes(20) + b"\2G\0\1\0\1\0\1\0" + bytes(4) + b"\1\0" + struct.pack("<II", 1, 3) + b"x:y"),
        (0, 0x800000E1, b"SPDM Device Sec\0" + bytes(20)),
        (7, 4, bytes(4)),
    ]  # fmt: skip
    return spec_id((SHA1, SHA256)) + b"".join(
        agile_event(pcr, kind, data, (SHA1, SHA256)) for pcr, kind, data in events
    )


def ima_lists(data: Path):
    """Lists as text and as bytes."""
    made = [ima_binary(), ima_text(b"/usr/bin/true")]
    folder = data / "fixtures/ima"
    files = [
        folder / "ascii_runtime_measurements",
        *(folder / "keylime-create-runtime-policy").glob("ima-log-sha*"),
    ]
    return made + [path.read_bytes() for path in files if path.is_file()]


def ima_field(data):
    return struct.pack("<I", len(data)) + data


def ima_entry(name, digest, *, pcr=10, algorithm=b"sha256"):
    """One entry of template ima-ng: (template data, its listed digest)."""
    data = ima_field(algorithm + b":\0" + digest) + ima_field(name + b"\0")
    del pcr
    return data, digest_of(SHA1, data)


def ima_binary(*entries):
    """A binary list of (name, digest)."""
    found = entries or ((b"boot_aggregate", bytes(32)), (b"/usr/bin/true", b"\1" * 32))
    out = b""
    for name, digest in found:
        data, listed = ima_entry(name, digest)
        out += struct.pack("<I", 10) + listed + ima_field(b"ima-ng") + ima_field(data)
    return out


def ima_text(name, digest=b"\1" * 32):
    _, listed = ima_entry(name, digest)
    return b"10 %s ima-ng sha256:%s %s\n" % (listed.hex().encode(), digest.hex().encode(), name)


def quotes(data: Path):
    """What a TPM signs."""
    made = [attest(b"n" * 32, range(8), b"\5" * 32)]
    recorded = data / "fixtures/ima/quote.out"
    return made + ([recorded.read_bytes()] if recorded.is_file() else [])


def attest(nonce, pcrs, digest, *, bank=SHA256, magic=0xFF544347, kind=0x8018):
    """TPMS_ATTEST of a quote."""
    bits = sum(1 << pcr for pcr in pcrs)
    body = struct.pack(">IHH", magic, kind, 34) + bytes(34)
    body += struct.pack(">H", len(nonce)) + nonce
    body += struct.pack(">QIIBQ", 1, 2, 3, 1, 4)
    body += struct.pack(">IHB", 1, bank, 3) + bits.to_bytes(3, "little")
    return body + struct.pack(">H", len(digest)) + digest


def programs():
    """EFI programs, as small as they may be."""
    return [pe(sbat=SBAT), pe(), pe(sbat=SBAT, signed=b"S" * 64)]


SBAT = (
    b"sbat,1,SBAT Version,sbat,1,https://example.org\n"
    b"shim,4,UEFI shim,shim,1,https://example.org\n"
    b"shim.debian,1,Debian,shim,15.8,https://example.org\n"
)


def pe(*, sbat=b"", code=b"\x90" * 512, signed=b""):
    """A PE32+ file with .text and .sbat, and signatures behind it."""
    sections = [(b".text", code)] + ([(b".sbat", sbat.ljust(512, b"\0"))] if sbat else [])
    head = bytearray(b"MZ" + bytes(58) + struct.pack("<I", 64))
    optional = bytearray(240)
    optional[0:2] = struct.pack("<H", 0x20B)
    optional[60:64] = struct.pack("<I", 512)
    optional[108:112] = struct.pack("<I", 16)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0x22)
    place = 512
    table, body = b"", b""
    for name, data in sections:
        table += (
            name.ljust(8, b"\0")
            + struct.pack("<IIII", len(data), 0x1000, len(data), place)
            + bytes(16)
        )
        body += data
        place += len(data)
    if signed:
        optional[144:152] = struct.pack("<II", place, len(signed))
    whole = bytes(head) + bytes(optional) + table
    return whole.ljust(512, b"\0") + body + signed
