"""How and when a box makes its backups, as its settings say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.backup.retention import Retention

BACKUP: Final = "backup"
"""The kind of job that backups are."""


@dataclass(frozen=True, slots=True)
class Times:
    """When the box does what by itself.

    Args:
        at: local time of the night, HH:MM.
        verify_day: day of the week of the check, 0 is Monday.
        drill_day: day of the month of the drill.
    """

    at: str = "01:30"
    verify_day: int = 5
    drill_day: int = 1


@dataclass(frozen=True, slots=True)
class BackupRules:
    """How this box makes backups.

    Args:
        box: its id.
        recipients: further age recipients, besides the box's own.
        keep: how many snapshots are kept.
        threads: that work.
        version: of the software.
        model: that answers in drills.
        servers: where llama-server may be.
        times: when.
        passphrase: whether a passphrase of the vault opens them too.
    """

    box: str
    recipients: tuple[str, ...]
    keep: Retention
    threads: int
    version: str
    model: str
    servers: tuple[Path, ...]
    times: Times = Times()
    passphrase: bool = False
