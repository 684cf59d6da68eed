"""The services of an open box, and the order in which they start and stop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from appliance.access.grants import Grant
from appliance.access.service import AccessService
from appliance.audit.log import AuditLog
from appliance.db.database import Db
from appliance.jobs.service import JobService
from appliance.serving.service import ServingService
from appliance.serving.turn import Notary
from models.hardware.facts import Hardware
from models.registry.shelf import Shelf

OnText = Callable[[str], Awaitable[None]]


class NoteWriter(Protocol):
    """The admission-note specialist."""

    async def draft(
        self,
        facts: Mapping[str, Any],
        grant: Grant,
        request_id: str,
        on_text: OnText | None = None,
    ) -> Any:
        """Draft, check and record a note."""
        ...

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the facts."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that answers while the vault is open."""

    db: Db
    log: AuditLog
    access: AccessService
    notary: Notary
    shelf: Shelf
    serving: ServingService
    jobs: JobService
    specialist: NoteWriter
    posture: Any
    updates: Any
    hardware: Callable[[], Hardware]

    async def start(self) -> None:
        """Begin to serve: engines load, jobs go on."""
        await self.serving.start()
        await self.jobs.start()

    async def close(self) -> None:
        """Stop in good order: no work without a record, no record after the log is closed."""
        await self.jobs.close()
        await self.serving.close()
        await asyncio.to_thread(self.access.close)
        await asyncio.to_thread(self.log.close)
        await asyncio.to_thread(self.db.close)
