"""IMA's list: read as text and as bytes, replayed, tied to the boot, and held against what may run."""

import os
import struct
from pathlib import Path

import pytest

from firmware_checks.ima import listing
from firmware_checks.ima.errors import ImaListMalformed, ImaListTooLarge, ImaManifestMalformed
from firmware_checks.ima.policy import read_manifest, unknown_files
from firmware_checks.ima.replay import aggregate_fits, replay
from tests.firmware_checks.logs import expected
from tests.firmware_checks.measured_machine import aggregate, ima_list, ima_register
from tests.firmware_checks.seeds import ima_binary, ima_entry, ima_field, ima_text

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).parents[2].parent / "shared"))
RECORDED = DATA / "fixtures/ima"
TRUE = b"\1" * 32


@pytest.fixture
def recorded():
    if not (RECORDED / "ascii_runtime_measurements").is_file():
        pytest.skip(
            "the recorded IMA lists are not on this machine; set WARDBOX_DATA to their folder"
        )
    return RECORDED


def test_text_and_bytes_are_the_same_list():
    (text,) = listing.parse(ima_text(b"/usr/bin/true"))
    binary = listing.parse(ima_binary((b"/usr/bin/true", TRUE)))[0]
    assert text == binary
    assert (text.name, text.algorithm, text.digest) == ("/usr/bin/true", "sha256", TRUE.hex())


def test_names_with_blanks_and_signatures():
    data, listed = ima_entry(b"/opt/a b", TRUE)
    line = b"10 %s ima-ng sha256:%s /opt/a b\n" % (listed.hex().encode(), TRUE.hex().encode())
    assert listing.parse(line)[0].data == data
    for signature in (b"", b"0302"):
        line = b"10 %s ima-sig sha256:%s /opt/a b %s\n" % (
            b"ab" * 20,
            TRUE.hex().encode(),
            signature,
        )
        (entry,) = listing.parse(line)
        assert entry.name == "/opt/a b"
        assert entry.data == data + ima_field(bytes.fromhex(signature.decode()))


def test_the_list_replays_in_both_banks():
    data = ima_list()
    led = replay(listing.parse(data))
    assert led.values == {
        "SHA1": ima_register("sha1", data),
        "SHA256": ima_register("sha256", data),
    }
    assert led.wrong == ()
    assert led.leads_to("SHA256", led.padded["SHA256"])
    assert not led.leads_to("SHA256", "00" * 32)


def test_a_violation_extends_ones_and_is_never_known():
    text = b"10 " + b"0" * 40 + b" ima-ng sha256:" + b"0" * 64 + b" /var/log/x\n"
    entries = listing.parse(text)
    assert entries[0].violation
    import hashlib

    ones = hashlib.sha256(bytes(32) + b"\xff" * 32).hexdigest()
    assert replay(entries, ("SHA256",)).values == {"SHA256": ones}
    assert replay(entries, ("SHA256",)).padded == {"SHA256": ones}
    manifest = read_manifest(b"0" * 64 + b"  /var/log/x\n")
    assert [one.name for one in unknown_files(entries, manifest)] == ["/var/log/x"]


def test_the_first_entry_ties_the_list_to_the_boot():
    first = listing.parse(ima_list())[0]
    registers = {"SHA256": expected(0x000B)}
    assert aggregate_fits(first, registers) is True
    assert aggregate_fits(first, {"SHA256": {**expected(0x000B), 0: "00" * 32}}) is False
    assert aggregate_fits(first, {"SHA384": {}}) is None
    short = listing.parse(ima_binary((b"boot_aggregate", aggregate(8))))[0]
    assert aggregate_fits(short, registers) is True


def test_the_old_template():
    entry = (
        struct.pack("<I", 10) + b"\5" * 20 + ima_field(b"ima") + b"\6" * 20 + ima_field(b"/bin/sh")
    )
    (found,) = listing.parse(entry)
    assert (found.name, found.algorithm, len(found.data)) == ("/bin/sh", "sha1", 276)
    line = b"10 " + b"05" * 20 + b" ima " + b"06" * 20 + b" /bin/sh\n"
    assert listing.parse(line)[0].data == found.data
    assert replay((found,)).wrong == (1,)


GOOD = ima_binary()
MALFORMED = {
    "empty": b"",
    "cut": GOOD[:-1],
    "random": b"\x99" * 400,
    "register 24": struct.pack("<I", 24) + GOOD[4:],
    "endless name": struct.pack("<I", 10) + bytes(20) + struct.pack("<I", 0xFFFFFFFF),
    "unknown template": struct.pack("<I", 10) + bytes(20) + ima_field(b"ima-xx") + ima_field(b""),
    "endless data": struct.pack("<I", 10) + bytes(20) + ima_field(b"ima-ng") + b"\xff\xff\xff\x7f",
    "bytes behind": struct.pack("<I", 10) + bytes(20) + ima_field(b"ima-ng")
    + ima_field(ima_field(b"sha1:\0xx") + ima_field(b"n\0") + b"x"),
    "no algorithm": struct.pack("<I", 10) + bytes(20) + ima_field(b"ima-ng")
    + ima_field(ima_field(b"xx") + ima_field(b"n\0")),
    "few words": b"10 " + b"0" * 40 + b" ima-ng\n",
    "text, unknown template": b"10 " + b"0" * 40 + b" ima-xx sha1:00 x\n",
    "text, register": b"77 " + b"0" * 40 + b" ima-ng sha1:00 x\n",
    "text, no digest": b"10 " + b"0" * 40 + b" ima-ng sha1 x\n",
    "text, odd digest": b"10 " + b"0" * 40 + b" ima-ng sha1:000 x\n",
    "text, bad signature": b"10 " + b"0" * 40 + b" ima-sig sha1:00 x zz\n",
    "text, old digest": b"10 " + b"0" * 40 + b" ima 00 x\n",
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_list_is_refused_with_a_place(name):
    with pytest.raises(ImaListMalformed) as refusal:
        listing.parse(MALFORMED[name])
    assert "{" not in refusal.value.sentence + refusal.value.way_out


def test_every_cut_is_refused_or_ends_at_an_entry():
    first = len(ima_binary((b"boot_aggregate", bytes(32))))
    for cut in range(1, len(GOOD)):
        if cut == first:
            assert len(listing.parse(GOOD[:cut])) == 1
            continue
        with pytest.raises(ImaListMalformed):
            listing.parse(GOOD[:cut])


def test_too_long_lists_are_refused(monkeypatch):
    monkeypatch.setattr(listing, "MAX_ENTRIES", 3)
    for data in (ima_text(b"/x") * 5, ima_binary() * 5):
        with pytest.raises(ImaListTooLarge):
            listing.parse(data)
    monkeypatch.setattr(listing, "MAX_BYTES", 10)
    with pytest.raises(ImaListTooLarge):
        listing.parse(GOOD)


def test_known_programs_by_content():
    manifest = read_manifest(b"# a release\n" + TRUE.hex().upper().encode() + b" */usr/bin/true\n")
    entries = listing.parse(
        ima_binary(
            (b"boot_aggregate", bytes(32)),
            (b"/usr/bin/true", TRUE),
            (b"/tmp/copy-of-true", TRUE),
            (b"/usr/bin/true", b"\2" * 32),
            (b"/tmp/evil", b"\3" * 32),
            (b"/tmp/evil", b"\3" * 32),
        )
    )
    found = unknown_files(entries, manifest)
    assert [(one.name, one.changed) for one in found] == [
        ("/usr/bin/true", True),
        ("/tmp/evil", False),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "zz  /x\n", "{", "{}", '{"digests": []}', '{"digests": {"/x": "00"}}',
     '{"digests": {"/x": ["XY"]}}', '{"digests": {"/x": ["' + "0" * 64 + '"]}, "excludes": ["/tmp"]}',
     "\ufeff{}", "000  /x\n"],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ImaManifestMalformed):
        read_manifest(text.encode())
    with pytest.raises(ImaManifestMalformed):
        read_manifest(b"\xff\xfe" + text.encode())


def test_recorded_list_is_sound_in_every_entry(recorded):
    entries = listing.parse((recorded / "ascii_runtime_measurements").read_bytes())
    led = replay(entries)
    assert len(entries) == 826
    # The recorded machine's firmware was not measured: its first entry is over zeros.
    assert led.wrong == ()
    assert {one.pcr for one in entries} == {10}


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512", "sm3_256"])
def test_recorded_lists_of_every_algorithm(recorded, name):
    folder = recorded / "keylime-create-runtime-policy"
    entries = listing.parse((folder / f"ima-log-{name}").read_bytes())
    assert [one.algorithm for one in entries] == [name, name]
    manifest = read_manifest((folder / f"allowlist-{name}").read_bytes())
    policy = read_manifest((folder / f"policy-{name}").read_bytes())
    assert all(unknown_files(entries, one) == () or name for one in (manifest, policy))
