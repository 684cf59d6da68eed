"""Wire types of the encrypted storage: the back end, what is not well with it, and its space."""

from datetime import datetime
from typing import Literal

from appliance.contract.base import Text, Wire


class FindingView(Wire):
    """One thing that was looked at, how it is, and what to do if it is not well."""

    subject: str
    verdict: Literal["ok", "warning", "bad"]
    told: Text


class AreaView(Wire):
    """One area of the vault: bytes used, and its quota in bytes (0 for none)."""

    name: str
    used: int
    quota: int


class SpaceView(Wire):
    """The disk of the vault, in bytes: `free` does not count what is kept for the log (`reserve`).

    At `low` no job starts, at `critical` running ones stop, at `reserve` the log lives on what was kept.
    """

    total: int
    free: int
    reserve: int
    level: Literal["ok", "low", "critical", "reserve"]
    areas: tuple[AreaView, ...]


class StorageView(Wire):
    """Where the box is encrypted (`embedded` or `luks`), with which suite, and how it stands.

    `time` is the box's own clock, by which the age of backups and slots is told.
    """

    time: datetime
    backend: str
    suite: str
    findings: tuple[FindingView, ...]
    space: SpaceView
