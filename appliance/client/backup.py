"""The part of a conversation with a box that is about backups."""

from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.contract.backup import BackupList, BackupTargetView, BackupTargetWish, BackupWish
from appliance.contract.job import Job

_PATH = "/api/v1/backups"


class Backups:
    """Targets, backups, checks and drills; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def list(self) -> BackupList:
        """Every target with its snapshots."""
        return await self._wire.view(BackupList, "GET", _PATH)

    async def submit(self, wish: BackupWish) -> Job:
        """Queue a backup, a check or a drill."""
        return await self._wire.view(Job, "POST", _PATH, wish)

    async def add(self, wish: BackupTargetWish) -> BackupTargetView:
        """Name a target (local socket only)."""
        return await self._wire.view(BackupTargetView, "POST", f"{_PATH}/targets", wish)

    async def remove(self, name: str) -> None:
        """Forget a target."""
        await self._wire.json("DELETE", f"{_PATH}/targets/{quote(name, safe='')}")
