"""Reading and writing past the page cache: every size, and where a file system will not have it."""

import errno
import fcntl
import os

import pytest

from appliance.updates import direct
from appliance.updates.direct import LEAST, read_into, room, write_out

PAGE = 4096
SIZES = [0, 1, PAGE, LEAST - 1, LEAST, LEAST + 1, LEAST + PAGE, 3 * LEAST - 1]


def round_trip(path, size: int) -> None:
    content = os.urandom(size)
    source = room(size)
    source[:size] = content
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        write_out(descriptor, source[:size])
    finally:
        os.close(descriptor)
    assert path.read_bytes() == content
    target = room(size)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert read_into(descriptor, target, size) == size
    finally:
        os.close(descriptor)
    assert target[:size] == content


@pytest.mark.parametrize("size", SIZES)
def test_every_size_comes_back(tmp_path, size):
    round_trip(tmp_path / "a", size)


@pytest.mark.parametrize("size", [LEAST, 3 * LEAST - 1])
def test_a_file_system_that_knows_no_such_thing(tmp_path, monkeypatch, size):
    real = fcntl.fcntl

    def unknown(descriptor, command, *words):
        if command == fcntl.F_SETFL and words[0] & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(descriptor, command, *words)

    monkeypatch.setattr(direct.fcntl, "fcntl", unknown)
    round_trip(tmp_path / "a", size)


@pytest.mark.parametrize("size", [LEAST, 3 * LEAST - 1])
def test_a_file_system_that_wants_larger_pieces(tmp_path, monkeypatch, size):
    """It takes the flag and then refuses each transfer, as some do on disks with large sectors."""

    def picky(call):
        def refuse(descriptor, piece):
            if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
                raise OSError(errno.EINVAL, "Invalid argument")
            return call(descriptor, piece)

        return refuse

    monkeypatch.setattr(direct.os, "write", picky(os.write))
    monkeypatch.setattr(direct.os, "readv", picky(os.readv))
    round_trip(tmp_path / "a", size)


def test_a_file_that_is_shorter_or_longer_than_told(tmp_path):
    (tmp_path / "a").write_bytes(bytes(LEAST + 5))
    for size, found in ((LEAST + 9, LEAST + 5), (LEAST, LEAST)):
        target = room(2 * LEAST)
        descriptor = os.open(tmp_path / "a", os.O_RDONLY)
        try:
            assert read_into(descriptor, target, size) == found
        finally:
            os.close(descriptor)


def test_pieces_that_the_system_takes_in_part(tmp_path, monkeypatch):
    write, readv = os.write, os.readv
    monkeypatch.setattr(direct.os, "write", lambda fd, piece: write(fd, piece[: 3 * PAGE]))
    monkeypatch.setattr(direct.os, "readv", lambda fd, rooms: readv(fd, [rooms[0][: 5 * PAGE]]))
    round_trip(tmp_path / "a", LEAST + 77)
