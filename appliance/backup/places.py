"""From what is remembered of a target to the target itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from appliance.backup.disk import open_disk
from appliance.backup.errors import TargetRefused
from appliance.backup.objects import TRIAL
from appliance.backup.sealing import damaged
from appliance.backup.target import DirectoryTarget, Target

_SAMPLE: Final = b"wardbox\n"


@dataclass(frozen=True, slots=True)
class Where:
    """How a target is reached; what a worker is told.

    Args:
        name: what people call it.
        kind: "directory", "disk" or "sftp".
        place: a path, or `user@host:port/path`.
        pin: id of the disk, or the server's host key.
        login: seed of the Ed25519 key that signs in to SFTP servers.
    """

    name: str
    kind: str
    place: str
    pin: str = ""
    login: bytes = field(default=b"", repr=False)

    def to_json(self) -> dict[str, Any]:
        """For a worker's standard input."""
        return {
            "kind": self.kind,
            "login": self.login.hex(),
            "name": self.name,
            "pin": self.pin,
            "place": self.place,
        }

    @classmethod
    def parse(cls, value: dict[str, Any]) -> Self:
        """Read it again."""
        return cls(**{**value, "login": bytes.fromhex(value["login"])})


def open_target(where: Where) -> Target:
    """Reach a target.

    Raises:
        TargetRefused: it is not there or cannot be used.
        WrongDisk: another disk is mounted.
        HostKeyWrong: the server shows another key.
        TargetGone: nobody answers.
    """
    return _WAYS[where.kind](where)


def try_target(target: Target) -> None:
    """Write a little and take it away again: better refused by day than found out at night.

    Raises:
        TargetRefused: nothing can be written there.
        TargetFull, TargetGone: it has no room, or stopped answering.
    """
    target.write(TRIAL, _SAMPLE)
    try:
        if target.read(TRIAL) != _SAMPLE:
            raise damaged(TRIAL, "读回不同", "it read back differently")
    finally:
        target.delete(TRIAL)


def _directory(where: Where) -> Target:
    root = Path(where.place)
    if not root.is_dir():
        raise TargetRefused(
            name=where.name, reason_zh="目录不存在", reason_en="there is no such directory"
        )
    return DirectoryTarget(root)


def _disk(where: Where) -> Target:
    return open_disk(Path(where.place), where.pin)


def _sftp(where: Where) -> Target:
    from appliance.backup.sftp import Server, SftpTarget  # noqa: PLC0415  # loads asyncssh

    return SftpTarget(Server.parse(where.place, where.name), where.pin, where.login)


_WAYS: dict[str, Callable[[Where], Target]] = {
    "directory": _directory,
    "disk": _disk,
    "sftp": _sftp,
}
