"""Every tag as it is written, byte for byte, and as it is read: known, or of another version."""

import pytest

from appliance.audit.event import Event
from appliance.audit.known import BY_TAG, Known, Unlisted, told
from appliance.audit.query import entry_of
from tests.appliance.audit.conftest import KEY, note
from tests.appliance.audit.golden import FILE, lines

GOLDEN = FILE.read_bytes().splitlines()


def test_every_tag_is_written_byte_for_byte_as_ever():
    assert list(lines().values()) == GOLDEN, "python -m tests.appliance.audit.golden"


@pytest.mark.parametrize("leaf", GOLDEN, ids=lambda leaf: entry_of(0, leaf).event.tag)
def test_what_was_written_is_read_as_known(leaf):
    event = entry_of(0, leaf).event
    found = told(event)
    assert isinstance(found, Known), found
    assert found.kind is BY_TAG[event.tag]


def test_the_ledger_writes_what_the_golden_lines_say(log):
    from tests.appliance.audit.golden import leaf_of

    leaf = log.append(note(1)).result(10)
    entry = log.reader.entry(leaf.index)
    plain = leaf_of(entry.event, entry.index)
    boot = entry.boot.encode()
    plain = plain.replace(b"00000000-0000-0000-0000-000000000000", boot)
    assert entry.leaf == plain.replace(b"1772352000000000", str(entry.time).encode())
    assert len(KEY) == 32


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event("quantum:key:entangle", "box"), "another version"),
        (Event("box:audit:stop", "box"), "reason is missing"),
        (Event("box:audit:start", "box", None, None, {"size": "1", "version": "1"}), "size is of"),
        (Event("box:audit:start", "box", None, None, {"size": True, "version": "1"}), "size is of"),
    ],
)
def test_what_is_of_another_version_is_read_all_the_same(event, reason):
    found = told(event)
    assert isinstance(found, Unlisted)
    assert found.event is event
    assert reason in found.reason


def test_more_details_than_this_version_knows_are_no_matter():
    event = Event("box:audit:stop", "box", None, None, {"reason": "x", "moon": "full"})
    assert isinstance(told(event), Known)
