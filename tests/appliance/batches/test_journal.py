"""A file that grows line by line: a torn end is cut off, and lines keep their places."""

import pytest

from appliance.batches.journal import Journal
from tests.appliance.batches.test_sealed_files import on_disk


def journal_of(room, name="file-" + "a" * 24):
    return Journal(room.folder / "grown.sealed", lambda: room.seals.sealing(name))


@pytest.mark.parametrize("torn", [1, 3, 4, 20, -1])
async def test_a_torn_line_is_cut_off_and_the_next_stands_in_its_place(room, torn):
    journal = journal_of(room)
    for number in range(3):
        journal.append(b"%d\n" % number)
    good = journal.path.stat().st_size
    journal.append(b"torn\n")
    journal.close()
    whole = journal.path.read_bytes()
    tail = whole[good : good + torn] if torn > 0 else b"\0" * 90
    journal.path.write_bytes(whole[:good] + tail)
    again = journal_of(room)
    assert list(again.lines()) == [b"0\n", b"1\n", b"2\n"]
    again.append(b"3\n")
    assert list(again.lines()) == [b"0\n", b"1\n", b"2\n", b"3\n"]
    again.close()


async def test_lines_do_not_change_places_nor_files(room):
    journal = journal_of(room)
    for number in range(2):
        journal.append(b"%d\n" % number)
    content = journal.path.read_bytes()
    half = len(content) // 2
    journal.path.write_bytes(content[half:] + content[:half])
    assert list(journal_of(room).lines()) == []
    journal.path.write_bytes(content)
    assert list(journal_of(room, "file-" + "b" * 24).lines()) == []


async def test_results_of_an_older_release_are_taken_over(room):
    old = room.folder / "output.jsonl"
    old.write_bytes(b'{"custom_id":"c1"}\n{"custom_id":"c2"}\n{"custom')
    journal = journal_of(room)
    journal.take_over(old)
    assert list(journal.lines()) == [b'{"custom_id":"c1"}\n', b'{"custom_id":"c2"}\n']
    assert not old.exists()
    assert b"custom_id" not in on_disk(room.folder)
    journal.take_over(old)
    assert len(list(journal.lines())) == 2
