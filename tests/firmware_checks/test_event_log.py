"""The event-log parser: lawful logs replay exactly, everything else is refused with a sentence."""

import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_checks.errors import EventLogMalformed, EventLogTooLarge, FirmwareError
from firmware_checks.eventlog.describe import describe, digest_fits
from firmware_checks.eventlog.document import as_json, as_text, read_log
from firmware_checks.eventlog.parser import MAX_BYTES, MAX_EVENTS, parse
from tests.firmware_checks.logs import (
    NAMES,
    SIZES,
    agile_event,
    boot_events,
    boot_log,
    digest_of,
    expected,
    locality_event,
    sha1_event,
    spec_id,
)

SHA1, SHA256, SHA384 = 0x0004, 0x000B, 0x000C
BANKS = (SHA1, SHA256)


@pytest.mark.parametrize("banks", [(SHA256,), (SHA1, SHA256), (SHA1, SHA256, SHA384)])
@pytest.mark.parametrize("locality", [None, 0, 3, 4])
def test_every_bank_replays(banks, locality):
    read = read_log(boot_log(banks, locality=locality))
    assert read.replayed.banks == {
        NAMES[bank]: expected(bank, locality=locality or 0) for bank in banks
    }
    assert read.replayed.locality == (locality or 0)


def test_a_sha1_log_replays():
    log = b"".join(
        sha1_event(pcr, kind, digest_of(SHA1, data), data) for pcr, kind, data in boot_events()
    )
    read = read_log(log)
    assert not read.log.crypto_agile
    assert read.replayed.banks == {"SHA1": expected(SHA1)}


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_filler_behind_the_log_is_no_event(filler):
    read = read_log(boot_log() + filler * 4096)
    assert read.log.padding >= 4096 - 32
    assert read.replayed.banks["SHA256"] == expected(SHA256)


def test_hardware_root_of_trust_starts_pcr_0_at_four():
    log = spec_id((SHA256,)) + agile_event(0, 0x80000010, b"HCRTM", (SHA256,))
    read = read_log(log)
    assert read.replayed.locality == 4


def test_declared_banks_that_are_off_are_named_and_not_replayed():
    log = spec_id((SHA1, SHA256, SHA384)) + agile_event(0, 8, b"v1", BANKS)
    read = read_log(log)
    assert set(read.replayed.banks) == {"SHA1", "SHA256"}
    assert read.replayed.not_replayed == {"SHA384": "no digests"}


def test_a_bank_with_gaps_gets_no_values():
    log = spec_id(BANKS) + agile_event(0, 8, b"v1", BANKS) + agile_event(0, 8, b"v1", (SHA1,))
    read = read_log(log)
    assert set(read.replayed.banks) == {"SHA1"}
    assert read.replayed.not_replayed == {"SHA256": "gaps"}


def test_an_unknown_bank_is_carried_and_not_replayed():
    log = spec_id((0x1234,), sizes={0x1234: 40})
    log += struct.pack("<IIIH", 0, 8, 1, 0x1234) + bytes(40) + struct.pack("<I", 0)
    read = read_log(log)
    assert read.replayed.banks == {}
    assert read.replayed.not_replayed == {"ALG_0x1234": "no hash"}


def test_vendor_information_within_and_behind_the_event_size():
    assert len(parse(spec_id((SHA256,), vendor=b"abcd")).events) == 1
    body = spec_id((SHA256,), vendor=b"abcd")
    short = body[:28] + struct.pack("<I", len(body) - 32 - 4) + body[32:]
    assert len(parse(short).events) == 1


GOOD = spec_id(BANKS)
MALFORMED = {
    "empty": b"",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "text": b"hello, this is no event log at all\n" * 20,
    "pcr above 23": sha1_event(24, 8, bytes(20), b""),
    "size beyond the end": struct.pack("<II", 0, 8) + bytes(20) + b"\xff\xff\xff\x7f",
    "unknown version": sha1_event(0, 3, bytes(20), b"Spec ID Event09\0" + bytes(20)),
    "spec id with a digest": sha1_event(0, 3, b"x" * 20, b"Spec ID Event03\0" + bytes(20)),
    "endless algorithms": spec_id((SHA256,), count=0xFFFFFFFF),
    "no algorithms": spec_id((), count=0),
    "algorithm twice": spec_id((SHA256, SHA256)),
    "sha256 of 20 bytes": spec_id((SHA256,), sizes={SHA256: 20}),
    "unknown of 0 bytes": spec_id((0x1234,), sizes={0x1234: 0}),
    "unknown of 65535 bytes": spec_id((0x1234,), sizes={0x1234: 65535}),
    "bytes behind the spec id": sha1_event(0, 3, bytes(20), GOOD[32:] + b"x"),
    "endless digests": GOOD + agile_event(0, 8, b"x", BANKS, count=0xFFFFFFFF),
    "undeclared bank": GOOD + agile_event(0, 8, b"x", (SHA384,)),
    "bank twice": GOOD + agile_event(0, 8, b"x", (SHA1, SHA1)),
    "bad pcr later": GOOD + agile_event(99, 8, b"x", BANKS),
    "no pcr on an extending event": GOOD + agile_event(0xFFFFFFFF, 8, b"x", BANKS),
    "locality of 2": GOOD + locality_event(b"\2", BANKS),
    "locality too long": GOOD + locality_event(b"\3\3", BANKS),
    "locality too short": GOOD + locality_event(b"", BANKS),
    "locality in pcr 1": GOOD + locality_event(b"\3", BANKS, pcr=1),
    "locality contradicts": GOOD + locality_event(b"\3", BANKS) + locality_event(b"\4", BANKS),
    "locality late": boot_log() + locality_event(b"\3", BANKS),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_log_is_refused_with_a_place(name):
    with pytest.raises(EventLogMalformed) as refusal:
        read_log(MALFORMED[name])
    assert refusal.value.code == "firmware.event-log-malformed"
    assert "{" not in refusal.value.sentence + refusal.value.way_out


def test_every_cut_is_refused_or_ends_at_an_event():
    whole = boot_log(locality=3)
    ends = {len(spec_id(BANKS)), len(spec_id(BANKS) + locality_event(b"\3", BANKS))}
    position = max(ends)
    for pcr, kind, data in boot_events():
        position += len(agile_event(pcr, kind, data, BANKS))
        ends.add(position)
    for cut in range(len(whole)):
        try:
            read_log(whole[:cut])
        except EventLogMalformed:
            assert cut not in ends
        else:
            # A cut inside the zeros that begin an event looks like filler.
            assert cut in ends or not any(whole[max(end for end in ends if end <= cut) : cut])


def test_too_many_bytes_and_too_many_events():
    with pytest.raises(EventLogTooLarge):
        parse(bytes(MAX_BYTES + 1))
    one = struct.pack("<III", 1, 8, 0) + struct.pack("<I", 0)
    with pytest.raises(EventLogTooLarge):
        parse(spec_id(BANKS) + one * (MAX_EVENTS + 10))


def test_a_large_log_costs_little_memory():
    log = spec_id(BANKS) + agile_event(0, 13, b"x" * 200, BANKS) * 4_000
    tracemalloc.start()
    try:
        read = read_log(log)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(read.log.events) == 4_001
    assert peak < 40 * 1024 * 1024


def check_any(data):
    """Either a log or a refusal of ours; never another error."""
    try:
        read = read_log(data)
    except FirmwareError:
        return
    as_json(read)
    as_text(read)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_random_bytes(data):
    check_any(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([(SHA1,), (SHA256,), BANKS]))
def test_random_bytes_behind_a_good_beginning(data, banks):
    check_any(spec_id(banks) + data)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.integers(0, 255)),
        min_size=1,
        max_size=8,
    ),
)
def test_a_good_log_with_flipped_bytes(flips):
    data = bytearray(boot_log(locality=3))
    for place, value in flips:
        data[place % len(data)] = value
    check_any(bytes(data))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 23),
            st.sampled_from([1, 4, 5, 8, 13, 0x80000001, 0x80000003, 0x80000006, 0x77777777]),
            st.binary(max_size=80),
        ),
        max_size=20,
    ),
)
def test_any_lawful_log_is_read_in_full(events):
    log = spec_id(BANKS) + b"".join(agile_event(*event, BANKS) for event in events)
    read = read_log(log)
    shown = as_json(read)
    assert [(e.pcr, e.kind, e.data) for e in read.log.events[1:]] == events
    assert set(shown["banks"]) == {"SHA1", "SHA256"}
    assert all(line.isprintable() for line in as_text(read).splitlines())


def test_endless_paths_and_names_are_not_followed():
    path = b"\4\4\4\0" * 100_000
    image = bytes(24) + struct.pack("<Q", len(path)) + path
    name = "a\n".encode("utf-16-le") * 100_000
    variable = bytes(16) + struct.pack("<QQ", len(name) // 2, 0) + name
    log = spec_id(BANKS) + agile_event(4, 0x80000003, image, BANKS)
    log += agile_event(7, 0x80000001, variable, BANKS)
    assert all(len(describe(event)) < 400 for event in parse(log).events)


def test_words_for_events():
    name = "SecureBoot".encode("utf-16-le")
    variable = bytes(16) + struct.pack("<QQ", len(name) // 2, 1) + name + b"\1"
    log = spec_id(BANKS) + agile_event(7, 0x80000001, variable, BANKS)
    log += agile_event(4, 13, b"grub \x1b[31mred", BANKS, measured=b"other")
    log += agile_event(0, 4, bytes(4), BANKS, measured=b"other")
    log += agile_event(7, 0x80000001, b"short", BANKS)
    events = parse(log).events
    assert "SecureBoot" in describe(events[1])
    assert describe(events[1]).endswith("= 1")
    assert digest_fits(events[1]) is True
    assert "\x1b" not in describe(events[2])
    assert digest_fits(events[2]) is None
    assert digest_fits(events[3]) is False
    assert "不合其类型" in describe(events[4])


def test_sizes_are_those_of_the_hashes():
    import hashlib

    assert {SIZES[bank] for bank in SIZES} == {
        hashlib.new(name).digest_size for name in ("sha1", "sha256", "sha384")
    }
    assert read_log(boot_log()).log.algorithms[1].size == 32
