"""The light of the audit log: when it was last recomputed, and what came of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from appliance.audit.log import AuditLog
from appliance.audit.verify import VerifyReport, verify
from appliance.contract.system import IntegrityView
from appliance.errors import ApplianceError

_EVERY_S: Final = 3600.0
_UNDER_WAY: Final = "正在校验审计日志。 The audit log is being verified."


class Integrity:
    """Remembers the last verification; green means that it passed and the log can write."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._report: VerifyReport | None = None
        self._when: datetime | None = None
        self._trouble = _UNDER_WAY

    def tell(self, report: VerifyReport) -> None:
        """Take the report of a verification that just ended."""
        self._report = report
        self._when = self._clock()

    def verdict(self) -> bool | None:
        """Whether the last verification passed; None before the first."""
        return None if self._report is None else self._report.ok

    async def watch(self, log: AuditLog) -> None:
        """Verify now and every hour, until cancelled."""
        while True:
            try:
                self.tell(await asyncio.to_thread(verify, log.reader))
            except ApplianceError as error:
                # A log that cannot be read is no reason for the box to stop in disorder.
                self._report, self._trouble = None, error.sentence
            await asyncio.sleep(_EVERY_S)

    def view(self, log: AuditLog) -> IntegrityView:
        """The light of this moment; `entries` counts what is durable now."""
        report, entries = self._report, log.reader.size()
        if report is None:
            return IntegrityView(
                state="unknown", entries=entries, root="", verified=None, sentence=self._trouble
            )
        return IntegrityView(
            state="ok" if report.ok and log.healthy else "broken",
            entries=entries,
            root=report.root,
            verified=self._when,
            sentence=report.sentence,
        )
