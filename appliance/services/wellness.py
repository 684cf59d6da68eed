"""What is checked of a box after an update, each by doing the real thing once."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from appliance.audit.events_updates import health_check
from appliance.audit.log import AuditLog
from appliance.db.database import Db
from appliance.posture.service import PostureService
from appliance.services.ground import MIGRATIONS
from appliance.services.version import VERSION
from appliance.serving.service import ServingService
from appliance.serving.writing import Written
from appliance.updates.health import Found, examine
from appliance.updates.store import UpdateStore
from models.reference.example import example_facts
from models.reference.placeholders import mask
from models.reference.prompting import messages

_GOLDEN_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class Wellness:
    """Checks one open box.

    Attributes:
        db: Its database.
        log: Its audit log.
        serving: Its engines.
        posture: Its firmware checks.
    """

    db: Db
    log: AuditLog
    serving: ServingService
    posture: PostureService

    async def check(self, actor: str) -> tuple[Found, ...]:
        """Check everything, and put the outcome on record, if that can be.

        Args:
            actor: Who asked.
        """
        found = await examine(
            {
                "golden": self._golden,
                "firmware": self._firmware,
                "schema": self._schema,
            }
        )
        failed = [one.name for one in found if not one.ok]

        async def record() -> tuple[bool, str, str]:
            return await self._record(actor, failed)

        return (*found, *await examine({"audit": record}))

    async def _golden(self) -> tuple[bool, str, str]:
        """The default model writes the beginning of the example patient's note."""
        masked, _ = mask(example_facts())
        said = ""
        asked = self.serving.write(None, messages(masked), max_tokens=_GOLDEN_TOKENS)
        async with aclosing(asked) as writing:
            async for piece in writing:
                if not isinstance(piece, Written):
                    said += piece
        signs = len(said.strip())
        return signs > 0, f"默认模型写出 {signs} 字", f"the default model wrote {signs} characters"

    async def _firmware(self) -> tuple[bool, str, str]:
        checked = await self.posture.check()
        count = len(checked.report["checks"])
        return count > 0, f"{count} 项固件检查已运行", f"{count} firmware checks ran"

    async def _schema(self) -> tuple[bool, str, str]:
        there = await asyncio.to_thread(UpdateStore(self.db).schema)
        wanted = tuple(sorted(step.id for step in MIGRATIONS))
        if there != wanted:
            odd = ", ".join(sorted(set(there) ^ set(wanted)))
            return False, f"数据库结构不符:{odd}", f"the schema differs: {odd}"
        return True, f"数据库结构共 {len(there)} 步", f"the schema has its {len(there)} steps"

    async def _record(self, actor: str, failed: list[str]) -> tuple[bool, str, str]:
        began = time.monotonic()
        await self.log.record(health_check(actor, release=VERSION, failed=failed))
        took = round((time.monotonic() - began) * 1000)
        return True, f"审计记录可写入({took} 毫秒)", f"the audit log takes entries ({took} ms)"
