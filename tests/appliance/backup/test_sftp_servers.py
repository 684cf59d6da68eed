"""SFTP servers that misbehave: read-only ones, ones that cannot make a file durable, liars."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from appliance.backup.errors import BackupDamaged, TargetGone, TargetRefused
from appliance.backup.places import try_target
from appliance.backup.sftp import Server, SftpTarget

SEED = bytes(range(32))
LIST = "lists/0000000001"


class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True


class Odd(asyncssh.SFTPServer):
    """A server that does one thing wrong, whichever was asked for last."""

    wrong = ""

    def open(self, path, pflags, attrs):
        if self.wrong == "read-only" and pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        return super().open(path, pflags, attrs)

    def fsync(self, file_obj):
        if self.wrong == "no fsync":
            raise asyncssh.SFTPOpUnsupported("fsync not supported")
        return super().fsync(file_obj)

    def read(self, file_obj, offset, size):
        if self.wrong == "other bytes":
            return bytes(len(super().read(file_obj, offset, size)))
        return super().read(file_obj, offset, size // 3 + 1 if self.wrong == "short" else size)

    def write(self, file_obj, offset, data):
        if self.wrong == "forgets":
            return len(data)
        return super().write(file_obj, offset, data)


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[SftpTarget]:
    Odd.wrong = ""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def begin() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            Anybody, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=Odd
        )

    async def end() -> None:
        server.close()
        await server.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
    place = Server("u", "127.0.0.1", server.get_port(), str(tmp_path))
    target = SftpTarget(place, key.export_public_key().decode(), SEED)
    yield target
    target.close()
    asyncio.run_coroutine_threadsafe(end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ("read-only", TargetRefused),
        ("no fsync", TargetRefused),
        ("forgets", TargetGone),
        ("other bytes", BackupDamaged),
    ],
)
def test_what_a_server_cannot_do_is_told_when_it_is_named(
    odd: SftpTarget, tmp_path: Path, wrong: str, refusal: type[Exception]
) -> None:
    try_target(odd)
    assert not list(tmp_path.iterdir())
    Odd.wrong = wrong
    with pytest.raises(refusal):
        try_target(odd)


def test_short_reads_give_everything(odd: SftpTarget) -> None:
    content = os.urandom(1 << 20)
    odd.write(LIST, content)
    Odd.wrong = "short"
    assert odd.read(LIST) == content
    assert odd.read_part(LIST, 12345, 600_000) == content[12345:612345]


def test_bytes_that_a_server_forgot_are_noticed_before_they_count(odd: SftpTarget) -> None:
    odd.write(LIST, b"before")
    Odd.wrong = "forgets"
    with pytest.raises(TargetGone, match="were kept"):
        odd.write(LIST, b"afterwards")
    Odd.wrong = ""
    assert odd.read(LIST) == b"before"
