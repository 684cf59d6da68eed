"""Following a receipt and exporting the record, dialog by dialog."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.audit import ExportState, Receipt
from tui.dialogs.export import ExportDialog, ExportWanted
from tui.dialogs.receipt import ReceiptDialog
from tui.entrance import AskPerson
from tui.line import Fault
from tui.newfile import write_new

_MENDABLE: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
_UNDER_WAY: Final = frozenset(("waiting", "running"))
_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class AuditVisit:
    """One person at the record of one box.

    Args:
        box: the session to ask with.
        ask: puts dialogs in front of the person.
    """

    box: Session
    ask: AskPerson

    async def receipt(self, known: str) -> Receipt | None:
        """Follow a receipt; None when the person left.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other id mends.
        """
        said = ""
        while True:
            wanted = await self.ask(ReceiptDialog(known, said))
            if wanted is None:
                return None
            try:
                return await self.box.receipt(wanted)
            except ProblemError as error:
                if error.status not in _MENDABLE:
                    raise
                known, said = wanted, Fault.of(error).told.removeprefix("✖ ")

    async def export(
        self, told: Callable[[ExportState], object], *, local: bool
    ) -> tuple[ExportState, str] | None:
        """Export the record and tell how far it is; None when the person left.

        Args:
            told: hears of every step.
            local: the box is this machine.

        Returns:
            How it ended, and the file here that holds it, where one was wanted.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other entry mends.
            FileRefused: it is done, but cannot be written here.
        """
        wanted: ExportWanted | None = None
        said = ""
        while True:
            wanted = await self.ask(ExportDialog(wanted, said, local=local))
            if wanted is None:
                return None
            try:
                begun = await self.box.audit_export_begin(wanted.wish)
            except ProblemError as error:
                if error.status not in _MENDABLE:
                    raise
                said = Fault.of(error).told.removeprefix("✖ ")
                continue
            return await self._finished(begun, wanted.file, told)

    async def _finished(
        self, state: ExportState, file: str, told: Callable[[ExportState], object]
    ) -> tuple[ExportState, str]:
        while state.state in _UNDER_WAY:
            told(state)
            await asyncio.sleep(_EVERY_S)
            state = await self.box.audit_export_state(state.id)
        if state.state == "done" and file:
            await write_new(Path(file), self.box.audit_export_fetch(state.id))
        return state, file
