"""Wire types of backups: targets, their snapshots, and what was done with them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.contract.base import Identifier, Text, Wire


class BackupTargetWish(Wire):
    """A place for backups; heeded on the local socket only.

    `place` is an absolute path, or `user@host:port/path` for an SFTP server; `host_key` is that
    server's public key (`ssh-ed25519 AAAA...`).
    """

    name: Identifier
    kind: Literal["directory", "disk", "sftp"]
    place: str = Field(min_length=1, max_length=1024)
    host_key: str = Field(default="", max_length=4096)


class BackupWish(Wire):
    """What shall be done with a target; `snapshot` is for drills, the newest when left out."""

    what: Literal["create", "verify", "drill"] = "create"
    target: Identifier
    snapshot: int | None = Field(default=None, ge=1, le=2**31 - 1)
    deep: bool = True


class SnapshotView(Wire):
    """One snapshot: sizes in bytes, `tree_size` is how many audit entries it holds."""

    number: int
    time: datetime
    files: int
    size: int
    added: int
    tree_size: int
    version: str


class BackupRun(Wire):
    """The last backup, check or drill of a target."""

    time: datetime
    ok: bool
    snapshot: int | None
    sentence: str
    damaged: tuple[str, ...] = ()


class BackupTargetView(Wire):
    """A target and how things stand with it; `pin` is the disk's id or the server's host key."""

    name: str
    kind: str
    place: str
    pin: str
    snapshots: tuple[SnapshotView, ...]
    created: BackupRun | None
    verified: BackupRun | None
    drilled: BackupRun | None


class BackupPlan(Wire):
    """When the box does what by itself, in its local time, and how many snapshots it keeps.

    `time` is HH:MM each night, `verify_day` a day of the week (0 is Monday), `drill_day` a day of the
    month.
    """

    time: str
    verify_day: int
    drill_day: int
    keep_daily: int
    keep_weekly: int
    keep_monthly: int


class BackupList(Wire):
    """Every target, the plan, what is wrong now (late, failed, unchecked), and the box's own keys.

    `recipient` is its backup key (`age1...`), `login` its key for SFTP servers.
    """

    targets: tuple[BackupTargetView, ...]
    recipient: str
    login: str
    plan: BackupPlan | None = None
    wrong: tuple[Text, ...] = ()
