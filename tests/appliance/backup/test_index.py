"""The index over all chunks: found again in any number, marked and listed by their packs."""

import random

import pytest

from appliance.backup.errors import BackupDamaged
from appliance.backup.index import Directory, Index, Piece, index_bytes, parse_index
from appliance.backup.sealing import HEAD_SIZE

COUNT = 100_000
EACH = 50


@pytest.fixture(scope="module")
def ids() -> list[bytes]:
    dice = random.Random(7)  # names, not secrets
    found = [dice.randbytes(32) for _ in range(COUNT)]
    # Some begin alike, as names of a million chunks may.
    found[7] = found[8][:8] + found[7][8:]
    found[9] = found[8][:8] + found[9][8:]
    return found


def directories(ids: list[bytes]) -> list[Directory]:
    return [
        Directory(
            f"{at:064x}",
            5000,
            tuple(Piece(i, 100 + at % 7, 4 << 20, at & 1) for i in ids[at : at + EACH]),
        )
        for at in range(0, len(ids), EACH)
    ]


@pytest.fixture(scope="module")
def index(ids: list[bytes]) -> Index:
    made = Index(HEAD_SIZE)
    for one in directories(ids):
        made.add(one)
        made.add(one)
    return made


def test_every_chunk_is_found_where_it_lies(index: Index, ids: list[bytes]) -> None:
    assert len(index) == COUNT
    for at in (0, 7, 8, 9, 49, 50, 65_535, 65_536, 80_000, COUNT - 1):
        first = at - at % EACH
        place = index.find(ids[at])
        assert place.pack == f"{first:064x}"
        assert (place.part, place.plain, place.flags) == (at - first, 4 << 20, first & 1)
        assert place.offset == HEAD_SIZE + (at - first) * place.stored
    for absent in (bytes(32), b"\xff" * 32, ids[8][:8] + bytes(24)):
        assert absent not in index
        with pytest.raises(BackupDamaged):
            index.find(absent)


@pytest.mark.slow
def test_marks_tell_what_of_a_pack_is_needed(index: Index, ids: list[bytes]) -> None:
    marks = index.no_marks()
    wanted = [ids[at] for at in (3, 1, 2, 50, 99_999)]
    for one in wanted:
        marks[index.position(one)] = True
    names = {f"{0:064x}": 3 * 100, f"{50:064x}": 101, f"{99_950:064x}": 100 + 99_950 % 7}
    assert index.marked_bytes(marks) == names
    found = list(index.marked_in(marks, [f"{0:064x}", f"{99_950:064x}"]))
    assert found == [ids[1], ids[2], ids[3], ids[99_999]]


def test_a_directory_reads_as_it_was_written(ids: list[bytes]) -> None:
    some = directories(ids)[:5]
    data = index_bytes(some)
    assert list(parse_index(data, "i")) == some
    for cut in (1, 30, 45, len(data) - 1):
        with pytest.raises(BackupDamaged):
            list(parse_index(data[:cut], "i"))
