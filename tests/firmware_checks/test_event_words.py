"""Every kind of event is told in words, by name and version where the log has them."""

import struct

import pytest

from firmware_checks.eventlog.describe import describe, digest_fits
from firmware_checks.eventlog.device_path import path_text
from firmware_checks.eventlog.document import read_log
from firmware_checks.eventlog.parser import parse
from firmware_checks.eventlog.signatures import certificate_name
from tests.firmware_checks.seeds import (
    X509_LIST,
    certificate,
    confidential_log,
    image,
    load_option,
    signature_list,
    variable,
    words_log,
)

PIECES = (
    "version of the root-of-trust firmware: 1.2.3",
    "platform configuration: td_hob",
    "platform firmware: Blob1, 4096 bytes at 0xFFC00000",
    "platform firmware: 4096 bytes at 0xFFC00000",
    "firmware code: ACPI DATA",
    "firmware tables",
    "firmware tables: ABCD",
    "boot order BootOrder (00000000-0000-0000-0000-000000000000): Boot0000, Boot0001",
    "boot entry Boot0001",
    "Secure Boot SecureBoot",
    "allowed signers db (00000000-0000-0000-0000-000000000000): Some CA",
    "2 × SHA-256",
    "allowed by",
    "revocation level of boot loaders SbatLevel",
    r"UEFI 程序 program, 4096 bytes: \EFI\debian\shimx64.efi",
    "2 个分区 partitions: ESP, root",
    "firmware action: Calling EFI Application",
    "GRUB 命令 command: linux /vmlinuz-6.1.0-13-amd64",
    "kernel command line: /vmlinuz-6.1.0-13-amd64 ro",
    "file read by GRUB: (hd0,gpt1)/vmlinuz-6.1.0-13-amd64",
    "initrd that the kernel loads: Linux initrd",
    "unified kernel image: 内核 kernel (.linux)",
    "kernel command line and add-ons: root=/dev/sda2 ro",
    "machine owner keys (MokList)",
    "the platform: AMD SEV-SNP",
    "reference manifest of the firmware (SP 800-155): RIM 00000000",
    "URI x:y",
    "firmware of a device (SPDM): ",
    "separator 00000000",
)


def test_every_kind_has_words_of_its_own():
    told = [describe(event) for event in parse(words_log()).events[1:]]
    assert len(told) == len(PIECES)
    for words, piece in zip(told, PIECES, strict=True):
        assert piece in words, words
        assert len(words) <= 400
        assert words.isprintable()


def test_words_are_bound_to_the_digest_where_the_form_says_so():
    log = read_log(words_log())
    fits = {describe(event)[:14]: digest_fits(event) for event in log.log.events if event.extends}
    assert set(fits.values()) <= {True, None, False}
    grub = next(event for event in log.log.events if event.data.startswith(b"grub_cmd"))
    # Made here over the whole text: one of the forms that loaders have.
    assert digest_fits(grub) is True


PATHS = [
    (b"\x02\x01\x0c\x00" + struct.pack("<II", 0x0A0341D0, 0), "PciRoot(0x0)"),
    (b"\x01\x01\x06\x00\x02\x1f", "Pci(0x1F,0x2)"),
    (b"\x03\x12\x0a\x00" + struct.pack("<HHH", 0, 0xFFFF, 0), "Sata(0x0,0xFFFF,0x0)"),
    (b"\x03\x17\x10\x00" + struct.pack("<I", 1) + bytes(range(8)), "NVMe(0x1,07-06-05-04-03-02-01-00)"),
    (b"\x03\x0b\x25\x00" + bytes(range(32)) + b"\1", "MAC(000102030405,0x1)"),
    (b"\x03\x0c\x1b\x00" + bytes(4) + bytes([10, 0, 0, 5]) + bytes(15), "IPv4(10.0.0.5)"),
    (
        b"\x04\x01\x2a\x00" + struct.pack("<IQQ", 1, 0x800, 0x1000) + bytes(16) + b"\x02\x02",
        "HD(1,GPT,00000000-0000-0000-0000-000000000000,0x800,0x1000)",
    ),
    (b"\x04\x01\x2a\x00" + struct.pack("<IQQ", 1, 1, 2) + b"\x78\x56\x34\x12" + bytes(12) + b"\1\1", "HD(1,MBR,0x12345678,0x1,0x2)"),
    (b"\x04\x04\x0a\x00" + "a.e".encode("utf-16-le"), "a.e"),
    (b"\x05\x01\x0c\x00" + struct.pack("<HH", 1, 0) + b"cd\0\0", "BBS(0x1,cd)"),
    (b"\x63\x09\x06\x00\xab\xcd", "Path(99,9,abcd)"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "text"), PATHS)
def test_device_paths_are_written_as_people_write_them(node, text):
    assert path_text(node + b"\x7f\xff\x04\x00") == text
    assert path_text(PATHS[0][0] + node) == f"PciRoot(0x0)/{text}"
    assert path_text(node + b"\x7f\x01\x04\x00" + node) == f"{text},{text}"


def test_long_paths_are_not_followed():
    assert path_text(bytes(5000)) == "path of 5000 bytes"
    assert "nodes" in path_text(b"\x05\x05\x04\x00" * 60)


@pytest.mark.parametrize("name", ["Some CA", "医院 CA", ""])
def test_certificates_by_name(name):
    assert certificate_name(certificate(name)) == name
    for cut in range(0, 60, 3):
        assert isinstance(certificate_name(certificate(name)[:cut]), str)


def test_many_keys_are_counted():
    value = b"".join(signature_list(X509_LIST, certificate(f"CA {n}")) for n in range(9))
    log = words_log()
    event = parse(log).events[1]
    shown = describe(type(event)(1, 7, 0x80000001, (), variable("db", value)))
    assert "CA 0, CA 1" in shown
    assert "5 × X.509" in shown


def test_boot_entries_by_name():
    path = image("x")[32:]
    event = parse(words_log()).events[1]
    for active, end in ((1, "Debian GNU/Linux x"), (0, "Debian GNU/Linux (停用 off) x")):
        data = variable("Boot000A", load_option("Debian GNU/Linux", path, active))
        assert describe(type(event)(1, 1, 0x80000002, (), data)).endswith(end)
    cut = variable("Boot000A", b"\1\0\0\0\0\0xx")
    assert "8 bytes" in describe(type(event)(1, 1, 0x80000002, (), cut))


def test_a_confidential_guest_has_rtmrs():
    from firmware_checks.errors import EventLogMalformed
    from firmware_checks.eventlog.document import as_json, as_text
    from tests.firmware_checks.logs import boot_log

    log, registers = confidential_log()
    read = read_log(log, confidential=True)
    shown = as_json(read)
    assert shown["rtmrs"] == {str(number): value for number, value in registers.items()}
    assert shown["banks"]["SHA384"]["1"] == registers[0]
    assert f"RTMR 0  {registers[0]}" in as_text(read)
    for bad in (boot_log(), boot_log((0x000B, 0x000C))):
        with pytest.raises(EventLogMalformed):
            read_log(bad, confidential=True)
