"""Reading and writing through the page cache: every size, and what the system takes in part."""

import os

import pytest

from appliance.updates import passing
from appliance.updates.passing import push, read_into, room, write_all

PIECE = 1 << 22
SIZES = [0, 1, 4096, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE - 1]


def round_trip(path, size: int) -> None:
    content = os.urandom(size)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(descriptor, content)
        push(descriptor)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == content
    target = room(size + 3)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert read_into(descriptor, target, size) == size
    finally:
        os.close(descriptor)
    assert target == content + bytes(3)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_comes_back(tmp_path, size):
    round_trip(tmp_path / "a", size)


def test_a_file_that_is_shorter_or_longer_than_told(tmp_path):
    (tmp_path / "a").write_bytes(bytes(PIECE + 5))
    for size, found in ((PIECE + 9, PIECE + 5), (PIECE, PIECE)):
        target = room(2 * PIECE)
        descriptor = os.open(tmp_path / "a", os.O_RDONLY)
        try:
            assert read_into(descriptor, target, size) == found
        finally:
            os.close(descriptor)


def test_pieces_that_the_system_takes_in_part(tmp_path, monkeypatch):
    write, readv = os.write, os.readv
    monkeypatch.setattr(passing.os, "write", lambda fd, piece: write(fd, piece[:12_288]))
    monkeypatch.setattr(passing.os, "readv", lambda fd, rooms: readv(fd, [rooms[0][:20_480]]))
    round_trip(tmp_path / "a", PIECE + 77)
