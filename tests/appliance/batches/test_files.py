"""Callers' files and kept responses: judged by content, bounded, their owner's alone, and swept."""

import pytest

from appliance.batches.errors import (
    FileKindRefused,
    FilesFull,
    FileTooLarge,
    ResponseUnknown,
)
from appliance.batches.kept import KEPT_S, KeptResponse
from tests.appliance.batches.steered import OTHER, OWNER


@pytest.mark.parametrize(
    ("purpose", "content"),
    [
        ("batch", b""),
        ("batch", b"\x80\x04\x95pickle"),
        ("batch", b"PK\x03\x04zip"),
        ("batch", b"[1]"),
        ("batch", b"%PDF-1.7"),
        ("user_data", b"\x7fELF\x02\x01\x01\x00"),
        ("user_data", b"MZ\x90\x00"),
        ("user_data", b"\x80\x04\x95\x10"),
    ],
)
async def test_content_decides_and_not_the_name(room, purpose, content):
    with pytest.raises(FileKindRefused):
        room.send(content, purpose)
    assert list((room.folder / "callers").iterdir()) == []


async def test_large_files_and_many_are_refused_and_leave_nothing(room):
    with pytest.raises(FileTooLarge):
        room.send(b"x" * 20_001, "user_data")
    assert list((room.folder / "callers").iterdir()) == []
    for _ in range(3):
        room.send(b"x" * 20_000, "user_data")
    with pytest.raises(FilesFull):
        room.send(b"x", "user_data")


async def test_files_expire_and_orphans_go(room):
    kept = room.send(b"a", "user_data")
    gone = room.send(b"b", "user_data", keep_s=3600)
    orphan = room.folder / "callers" / "file-0000"
    orphan.write_bytes(b"x")
    half = room.folder / "callers" / "incoming-1"
    half.write_bytes(b"x")
    room.files.sweep()
    assert orphan.exists()
    room.ahead = 7200
    room.files.sweep()
    room.files.clear_incoming()
    assert [file.id for file in room.files.listed(OWNER.actor)] == [kept.id]
    assert not orphan.exists()
    assert not half.exists()
    assert not room.files.path(gone).exists()


async def test_names_are_labels(room):
    incoming = room.files.begin(OWNER.actor)
    incoming.write(b"a")
    name = "../../etc/\u202epasswd\x1b[31m\n" + "x" * 500
    file = room.files.admit(incoming, OWNER.actor, name, "user_data")
    assert "\u202e" not in file.name
    assert "\x1b" not in file.name
    assert len(file.name) <= 255
    assert room.files.path(file).parent == room.folder / "callers"


async def test_kept_responses_are_their_owners_and_do_not_stay_for_ever(room):
    kept = KeptResponse("resp_0123456789abcdef", b"[]", b"{}")
    room.desk.responses.keep(OWNER.actor, kept)
    assert room.desk.responses.get(OWNER.actor, kept.id) == kept
    with pytest.raises(ResponseUnknown):
        room.desk.responses.get(OTHER.actor, kept.id)
    with pytest.raises(ResponseUnknown):
        room.desk.responses.delete(OTHER.actor, kept.id)
    room.ahead = KEPT_S + 1
    room.desk.sweep()
    with pytest.raises(ResponseUnknown):
        room.desk.responses.get(OWNER.actor, kept.id)
